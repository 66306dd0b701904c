// Answers the forms that courseware/quizzes/page.py writes: the sentence for the reader's choice is
// copied from the answers below the form, which stay closed until the question is solved.
// What was chosen and checked is there again after a reload (book/memory.js).
(() => {
  "use strict";
  const { remember, recall } = globalThis.coursewareMemory;

  const say = (form, verdict, whys) => {
    const status = form.querySelector("[role=status]");
    const strong = document.createElement("strong");
    strong.textContent = verdict;
    status.replaceChildren(strong);
    for (const why of whys) {
      const copy = why.cloneNode(true);
      status.append(" ", copy);
    }
  };

  const answer = (form) => {
    const inputs = [...form.querySelectorAll("input")];
    const items = [...form.querySelectorAll("li[data-right]")];
    const right = (i) => items[i].dataset.right === "true";
    const why = (i) => items[i].querySelector(".cw-quiz-why");
    const all = [...inputs.keys()];
    const chosen = all.filter((i) => inputs[i].checked);
    if (chosen.length === 0) {
      say(form, "Choose an answer first.", []);
      return;
    }
    const wrong = chosen.filter((i) => !right(i));
    const missing = all.filter((i) => right(i) && !inputs[i].checked);
    for (const i of chosen) inputs[i].parentElement.dataset.answer = right(i) ? "right" : "wrong";
    if (wrong.length > 0) say(form, "Not quite.", wrong.map(why));
    else if (missing.length > 0) say(form, "Right so far; more are right.", chosen.map(why));
    else {
      say(form, "Right.", chosen.map(why));
      form.querySelector("details").hidden = false;
    }
    form.dataset.state = wrong.length + missing.length > 0 ? "wrong" : "right";
  };

  const keep = (form, checked) => {
    const chosen = [...form.querySelectorAll("input:checked")].map((input) => input.value);
    remember(form.id, chosen.length > 0 ? { chosen, checked } : null);
  };

  const restore = (form) => {
    const kept = recall(form.id);
    if (!Array.isArray(kept?.chosen)) return;
    const inputs = [...form.querySelectorAll("input")];
    for (const input of inputs) input.checked = kept.chosen.includes(input.value);
    if (kept.checked && inputs.some((input) => input.checked)) answer(form);
  };

  const clear = (form) => {
    form.reset();
    quiet(form);
    form.querySelector("details").open = false;
    form.querySelector("details").hidden = true;
  };

  const quiet = (form) => {
    delete form.dataset.state;
    for (const label of form.querySelectorAll("[data-answer]")) delete label.dataset.answer;
    form.querySelector("[role=status]").replaceChildren();
  };

  const start = () => {
    for (const form of document.querySelectorAll("form.cw-quiz-question")) {
      const button = form.querySelector("button");
      button.hidden = button.disabled = false;
      clear(form);
      restore(form);
      form.addEventListener("change", () => {
        quiet(form);
        keep(form, false);
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        answer(form);
        keep(form, true);
      });
      document.addEventListener("courseware:forget", ({ detail }) => {
        if (detail.prefix === "") clear(form);
      });
    }
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
