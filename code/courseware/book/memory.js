// What a reader typed or chose on this page, kept in this browser and nowhere else:
// `coursewareMemory.remember(id, value)` (null forgets it), `recall(id)`, `forget(prefix)`. Where
// storage is refused everything works, and is forgotten with the page. While there is something to clear, a button at
// the end of the page clears it; who remembers listens to "courseware:forget" to be told.
(() => {
  "use strict";
  const PAGE = `answers:${location.pathname.replace(/index\.html$/, "")}#`;

  const guarded = (use, otherwise) => {
    try {
      return use(window.localStorage);
    } catch {
      return otherwise;
    }
  };

  const keys = (prefix) =>
    guarded((storage) => Object.keys(storage).filter((key) => key.startsWith(PAGE + prefix)), []);

  const recall = (id) => guarded((storage) => JSON.parse(storage.getItem(PAGE + id)), null);

  const remember = (id, value) => {
    if (value === null) guarded((storage) => storage.removeItem(PAGE + id));
    else guarded((storage) => storage.setItem(PAGE + id, JSON.stringify(value)));
    offer();
  };

  const forget = (prefix = "") => {
    for (const key of keys(prefix)) guarded((storage) => storage.removeItem(key));
    document.dispatchEvent(new CustomEvent("courseware:forget", { detail: { prefix } }));
    offer();
  };

  // --- The button ---
  let line = null;
  const build = () => {
    line = document.createElement("div");
    line.className = "clear-answers";
    line.innerHTML = `<p><button type="button">Clear my answers on this page</button>
      They are kept in this browser only.</p><p role="status" tabindex="-1"></p>`;
    line.querySelector("button").addEventListener("click", () => {
      forget();
      line.lastChild.textContent = "Your answers on this page are cleared.";
      line.lastChild.focus(); // the button that had the focus is gone
    });
    document.querySelector("article")?.append(line);
  };

  const offer = () => {
    const some = keys("").length > 0;
    if (some && !line) build();
    if (!line) return;
    line.firstChild.hidden = !some;
    if (some) line.lastChild.textContent = "";
  };

  globalThis.coursewareMemory = Object.freeze({ remember, recall, forget });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", offer);
  else offer();
})();
