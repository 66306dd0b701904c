// A swipe that begins on a slider and scrolls the page leaves the slider where it was: the browser has
// moved it under the finger already when it finds that the page is meant.
(() => {
  "use strict";
  const SLIDER = ".explorer-control input[type=range]";
  const before = new WeakMap(); // slider -> its value when it was touched
  const follow = (kind, react) =>
    document.addEventListener(kind, ({ target }) => target.matches?.(SLIDER) && react(target));

  follow("pointerdown", (slider) => before.set(slider, slider.value));
  follow("pointercancel", (slider) => {
    if (slider.value === before.get(slider)) return;
    slider.value = before.get(slider);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
