// Paper is light: what is drawn is drawn again in light colours before the page is printed, and back.
(() => {
  "use strict";
  const root = document.documentElement;
  let theme;
  const paint = (colours) => {
    if (root.dataset.theme === colours) return;
    root.dataset.theme = colours;
    for (const figure of document.querySelectorAll(".courseware-explorer")) figure.courseware.again();
  };
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    paint("light");
  });
  addEventListener("afterprint", () => paint(theme));
})();
