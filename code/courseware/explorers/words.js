// What an explorer says in words: its finding, opened when the reader has moved a control, and what
// is written over its figure, for whoever cannot see it change.
(() => {
  "use strict";
  const PAUSE = 500; // milliseconds without a move before the status speaks

  // --- The finding: opened by the first move; from then on it is the reader's to fold --------------

  const moved = new WeakSet();
  document.addEventListener("change", ({ target }) => {
    const explorer = target.closest?.("[data-control]")?.closest(".courseware-explorer");
    if (!explorer || moved.has(explorer)) return;
    moved.add(explorer);
    explorer.querySelector('.finding > [aria-expanded="false"]')?.click();
  });

  // --- The status: those words over the figure, or along its axes, that the move has changed -------

  const shown = new WeakMap(); // explorer -> the words its figure showed when it last spoke
  const timers = new WeakMap();
  document.addEventListener("courseware:drawn", ({ target }) => {
    const status = target.querySelector(".explorer-status");
    if (!status) return;
    if (!shown.has(target)) return shown.set(target, wordsOf(target));
    clearTimeout(timers.get(target));
    timers.set(target, setTimeout(() => speak(target, status), PAUSE));
  });

  function speak(explorer, status) {
    const [before, now] = [shown.get(explorer), wordsOf(explorer)];
    shown.set(explorer, now);
    const news = now.filter((text) => !before.includes(text));
    if (news.length) status.textContent = news.join(". ");
  }

  function wordsOf(explorer) {
    const { title, annotations = [], ...rest } = explorer.querySelector(".explorer-plot").layout ?? {};
    const heads = annotations.filter((a) => a.xref === "paper" && a.yref === "paper" && a.visible !== false);
    const axes = Object.keys(rest).filter((name) => /^[xy]axis\d*$/.test(name));
    const texts = [title?.text, ...heads.map((a) => a.text), ...axes.map((name) => rest[name].title?.text)];
    return texts.filter(Boolean).map(plain);
  }

  /** plotly.js's few tags as plain words. */
  function plain(text) {
    const lines = text.replace(/<br ?\/?>/gi, ", ").replace(/<sup>/gi, "^");
    return new DOMParser().parseFromString(lines, "text/html").body.textContent.trim();
  }
})();
