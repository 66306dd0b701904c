"""How strongly words stand out, for scripts in a page: `contrast(grounds, words)`.

Both are lists of CSS colours, or of pairs of a colour and an opacity, painted one over the other,
`words` over `grounds`. WCAG 2.2, "contrast ratio": 4.5 is the least for text.
"""

CONTRAST = """
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = (paints) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const [colour, opacity] of paints.map((paint) => [paint, 1].flat())) {
      canvas.globalAlpha = opacity;
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const contrast = (grounds, words) => {
    const [below, text] = [luminance(grounds), luminance([...grounds, ...words])];
    return Math.max(below, text) / Math.min(below, text);
  };
"""
