// Judges the answers to exercises by hand that courseware/exercises/page.py asks for, in the words
// of by_hand.py. What was typed and judged is there again after a reload.
(() => {
  "use strict";
  const { read, split, Unreadable } = globalThis.coursewareNumbers;
  const { remember, recall } = globalThis.coursewareMemory;
  const ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split(" ");

  const unpack = (text) =>
    JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))));

  const plain = (text) => text.split(/\s+/).filter(Boolean).join(" ").toLowerCase();

  // A part is a text, or a number with the margin within which an answer is right.
  const near = (got, part) => {
    if (typeof part === "string") return plain(got) === plain(part);
    const wanted = Number(part[0]);
    return got === wanted || Math.abs(got - wanted) <= part[1];
  };

  const those = (entry, places) => {
    const named = places.map((place) => ORDINALS[place]);
    const last = named.pop();
    const words = named.length > 0 ? `${named.join(", ")} and ${last}` : last;
    return `${words} ${entry.noun[places.length > 1 ? 1 : 0]}`;
  };

  const judge = (entry, given) => {
    const right = entry.parts.map((part, i) => near(given[i], part));
    const wrong = [...right.keys()].filter((i) => !right[i]);
    if (wrong.length === 0) return { right: true, text: "" };
    const hint = entry.hints.find(({ parts, places }) => places.every((i) => near(given[i], parts[i])));
    return { right: false, text: hint ? hint.text : where(entry, given, wrong) };
  };

  const where = (entry, given, wrong) => {
    const alone = entry.parts.length === 1;
    if (wrong.length === entry.parts.length && !alone) {
      return `None of the ${wrong.length} ${entry.noun[1]} is right yet.`;
    }
    if (wrong.length > 1) return `The ${those(entry, wrong)} are not right yet.`;
    const part = entry.parts[wrong[0]];
    if (typeof part === "string") return alone ? "" : `The ${those(entry, wrong)} is not right yet.`;
    const side = given[wrong[0]] > part[0] ? "large" : "small";
    return alone ? `Too ${side}.` : `The ${those(entry, wrong)} is too ${side}.`;
  };

  // What was typed, as numbers and texts, as many as are asked for.
  const parse = (entry, typed) => {
    const wanted = entry.parts.length;
    const pieces = wanted === 1 ? [typed] : split(typed);
    if (pieces.length !== wanted) {
      const be = wanted === 1 ? "is" : "are";
      const noun = entry.noun[wanted === 1 ? 0 : 1];
      throw new Unreadable(`${wanted} ${noun} ${be} asked for; you gave ${pieces.length}.`);
    }
    return pieces.map((piece, i) =>
      typeof entry.parts[i] === "string" ? piece.replace(/^(["'])(.*)\1$/, "$2") : read(piece, entry.unit),
    );
  };

  const say = (form, state, verdict, text) => {
    const status = form.querySelector("[role=status]");
    status.innerHTML = text; // ours: a hint set at build time; what is typed comes as text below
    const strong = document.createElement("strong");
    strong.textContent = verdict;
    status.prepend(strong, " ");
    form.dataset.state = state;
  };

  const explain = (form, message) => {
    form.querySelector("[role=status]").textContent = message;
    form.dataset.state = "unread";
  };

  const reply = (form, entry) => {
    const field = form.querySelector("input[type=text]");
    const typed = field ? field.value : form.querySelector("input:checked")?.value;
    if (!typed?.trim()) {
      explain(form, field ? "Type your answer first." : "Choose an answer first.");
      return;
    }
    try {
      const { right, text } = judge(entry, field ? parse(entry, typed) : [typed]);
      say(form, right ? "right" : "wrong", right ? "Right." : "Not yet.", text);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      explain(form, error.message);
    }
  };

  const quiet = (form) => {
    delete form.dataset.state;
    form.querySelector("[role=status]").replaceChildren();
  };

  const keep = (form, judged) => {
    const field = form.querySelector("input[type=text]");
    const typed = field ? field.value : form.querySelector("input:checked")?.value;
    remember(form.id, typed ? { typed, judged } : null);
  };

  const restore = (form, entry) => {
    const kept = recall(form.id);
    if (typeof kept?.typed !== "string") return;
    for (const input of form.querySelectorAll("input")) {
      if (input.type === "text") input.value = kept.typed;
      else input.checked = input.value === kept.typed;
    }
    if (kept.judged) reply(form, entry);
  };

  const clear = (form) => {
    form.reset();
    quiet(form);
  };

  const start = () => {
    for (const form of document.querySelectorAll("form.cw-answer")) {
      const entry = unpack(form.dataset.answer);
      form.querySelector("button").disabled = false;
      clear(form);
      restore(form, entry);
      form.addEventListener("input", () => {
        quiet(form);
        keep(form, false);
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        reply(form, entry);
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
