// Folds: a button opens and shuts the part it names; the browser's own search, and links to what
// lies inside, open it too. courseware/folds writes the HTML, fold.css shows all where no script runs.
(() => {
  "use strict";
  const partOf = (button) => document.getElementById(button.getAttribute("aria-controls"));
  const set = (button, open) => {
    button.setAttribute("aria-expanded", String(open));
    if (open) partOf(button).removeAttribute("hidden");
    else partOf(button).setAttribute("hidden", "until-found");
  };

  function start() {
    const buttons = new Map(); // part -> its button
    for (const button of document.querySelectorAll(".fold-button")) {
      const part = partOf(button);
      buttons.set(part, button);
      set(button, !part.hasAttribute("hidden")); // a link may have opened it before this script ran
      button.addEventListener("click", () => set(button, part.hasAttribute("hidden")));
      part.addEventListener("beforematch", () => set(button, true));
    }

    // For browsers that do not open the way to a link's target themselves.
    const reveal = () => {
      const target = document.getElementById(location.hash.slice(1));
      const part = target?.closest(".fold[hidden]");
      if (!part) return;
      set(buttons.get(part), true);
      target.scrollIntoView();
    };
    addEventListener("hashchange", reveal);
    reveal();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
