// What is wrong with the page's first screen as it lies now, as sentences; none if all is well.
// `whole`: the question must be in view as a whole, not only begin there.
(whole) => {
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const wrong = [];
  const shown = (element) => element?.checkVisibility() && element.getClientRects().length > 0;
  const edges = (element) => element.getBoundingClientRect();
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const within = (a, b) =>
    a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const apart = (pieces) =>
    pieces.forEach(([name, a], i) =>
      pieces.slice(i + 1).forEach(([other, b]) => meet(a, b) && wrong.push(`${name} overlaps ${other}`)),
    );

  /** The boxes of what an element says, a line or a piece of a formula each. */
  const pieces = (element, pattern = /\S+/g) => {
    const found = [];
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      if (parentElement.closest(".katex-mathml, .headerlink")) continue;
      if (getComputedStyle(parentElement).clipPath !== "none") continue; // for screen readers
      for (const { 0: word, index } of data.matchAll(pattern)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, index);
        range.setEnd(walker.currentNode, index + word.length);
        const boxes = [...range.getClientRects()].filter(({ width }) => width > 2);
        if (boxes.length) found.push([word, boxes]);
      }
    }
    return found;
  };
  const broken = (element) => {
    for (const [word, boxes] of pieces(element, /[^\s\-–_.]+/g)) {
      if (boxes.some(({ top }) => top > boxes[0].top + 3)) wrong.push(`“${word}” is broken`);
    }
  };
  const screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  const inView = (name, words) => {
    const out = words.find(([, boxes]) => !boxes.every((box) => within(box, screen)));
    if (out) return wrong.push(`${name}: “${out[0]}” is outside the first screen`);
    // To ask what lies at a point costs a walk through the whole page: the ends and the middle will do.
    for (const i of new Set([0, words.length >> 1, words.length - 1])) {
      const [word, [box]] = words[i];
      const at = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
      if (!at?.closest(name)) wrong.push(`${name}: “${word}” is covered`);
    }
  };

  // --- Nothing scrolls sideways, and the text has the room that it needs ---
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) wrong.push(`${scrollWidth} pixels in a window of ${innerWidth}`);
  const em = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { width } = edges(find("article"));
  if (width < Math.min(36 * em, 0.85 * innerWidth)) wrong.push(`the text is ${width} pixels wide`);

  // --- Nothing overlaps ---
  const side = find(".side");
  const over = shown(side) && getComputedStyle(side).position === "fixed"; // contents over the text
  const frame = [".top", ".side", ".on-this-page", "main"].filter((name) => shown(find(name)));
  apart(frame.filter((name) => !over || name !== ".side").map((name) => [name, edges(find(name))]));
  if (over) apart([".top", ".side"].map((name) => [name, edges(find(name))]));
  const tools = [...all(".top > :not(.tools)"), ...all(".tools > *")].filter(shown);
  apart(tools.map((tool) => [tool.textContent.trim(), edges(tool)]));
  for (const [word, boxes] of pieces(find(".top"))) {
    if (!boxes.every((box) => within(box, edges(find(".top"))))) wrong.push(`“${word}” leaves the head`);
  }
  for (const control of all(".explorer-control").filter(shown)) {
    const name = control.textContent.trim();
    const figure = edges(control.closest("figure"));
    const parts = [...control.children].filter(shown);
    if (!within(edges(control), figure)) wrong.push(`“${name}” leaves its figure`);
    if (!parts.every((part) => within(edges(part), edges(control)))) wrong.push(`“${name}” leaves its row`);
    apart(parts.map((part) => [`${part.localName} of “${name}”`, edges(part)]));
    const slider = control.querySelector("[type=range]");
    if (slider && edges(slider).width < 80) wrong.push(`the slider of “${name}” is too short to use`);
  }

  // --- Title and question ---
  if (!over) {
    inView("h1", pieces(find("h1")));
    const question = find(".question");
    if (question) inView(".question", whole ? pieces(question) : pieces(question).slice(0, 2));
    broken(find("h1"));
  } else {
    if (side.scrollWidth > side.clientWidth) wrong.push("the contents scroll sideways");
    inView(".side", pieces(find(".contents [aria-current]") ?? find(".contents a")));
  }
  broken(find(".brand"));
  all(".contents a").filter(shown).forEach(broken);
  return [...new Set(wrong)];
}
