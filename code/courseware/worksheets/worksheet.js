/* Worksheets: where a number comes from, by mouse, finger and keyboard.
 *
 * html.py writes the tables. A number is a button; data-how, data-sum and
 * data-from say how it came about. Everything hangs on the document, so sheets may come and go: the
 * published page swaps tables, a live kernel whole sheets.
 */
(() => {
  "use strict";
  if (window.coursewareSheets) return;

  const SHEET = ".courseware-sheet";
  const ENTRY = `${SHEET} .sheet-matrix button`;
  const chosen = new Map(); // id of a sheet -> address of the entry last chosen there

  const sheetOf = (element) => element.closest(SHEET);
  const matrixOf = (entry) => entry.closest(".sheet-matrix");
  const rowsOf = (matrix) => [...matrix.tBodies[0].rows].map((row) => [...row.querySelectorAll("button")]);

  function placeOf(entry) {
    const rows = rowsOf(matrixOf(entry));
    const i = rows.findIndex((row) => row.includes(entry));
    return [i, rows[i].indexOf(entry)];
  }

  const addressOf = (entry) => [matrixOf(entry).dataset.matrix, ...placeOf(entry)].join("/");

  /** The entries that an address names; a star stands for all rows or all columns. */
  function entriesAt(sheet, address) {
    const [name, row, column] = address.split("/");
    const matrix = sheet.querySelector(`[data-matrix="${name}"]`);
    if (!matrix) return [];
    const pick = (list, i) => (i === "*" ? list : list.slice(Number(i), Number(i) + 1));
    return pick(rowsOf(matrix), row).flatMap((entries) => pick(entries, column));
  }

  // --- Showing -----------------------------------------------------------------------------------

  /** W_Q with its index below the line. */
  function write(element, text) {
    for (const part of text.split(/(_\w+|\^\([^()]*\)|\^\w+)/)) {
      if (!/^[_^]./.test(part)) element.append(part);
      else {
        const index = document.createElement(part[0] === "_" ? "sub" : "sup");
        index.textContent = part.slice(1).replace(/^\((.*)\)$/, "$1");
        element.append(index);
      }
    }
  }

  function line(panel, className, text) {
    const p = document.createElement("p");
    p.className = className;
    write(p, text);
    panel.append(p);
    return p;
  }

  function nameOf(entry) {
    const matrix = matrixOf(entry);
    const [i, j] = placeOf(entry);
    const row = matrix.tBodies[0].rows[i].querySelector("th")?.textContent ?? `row ${i + 1}`;
    const column = matrix.tHead.querySelectorAll("th")[j].textContent;
    const counted = matrix.classList.contains("is-counted") ? `column ${column}` : column;
    const caption = matrix.classList.contains("is-single") ? "" : matrix.caption.textContent;
    return `${[caption, row, counted].filter(Boolean).join(", ")}: ${entry.textContent}`;
  }

  function show(entry) {
    const sheet = sheetOf(entry);
    for (const marked of sheet.querySelectorAll(".is-chosen, .is-source")) {
      marked.classList.remove("is-chosen", "is-source");
    }
    entry.classList.add("is-chosen");
    const sources = entry.dataset.from?.split(" ") ?? [];
    for (const source of sources) {
      for (const cell of entriesAt(sheet, source)) cell.classList.add("is-source");
    }
    const stage = entry.closest(".sheet-stage");
    const panel = sheet.querySelector(".sheet-panel");
    panel.replaceChildren();
    line(panel, "sheet-which", nameOf(entry));
    line(panel, "sheet-how", entry.dataset.how);
    if (entry.dataset.sum) line(panel, "sheet-sum", entry.dataset.sum);
    const words = stage.querySelector(".sheet-words");
    if (words) line(panel, "sheet-why", "").append(...[...words.cloneNode(true).childNodes]);
    for (const reached of sheet.querySelectorAll("button[tabindex='0']")) {
      if (matrixOf(reached) === matrixOf(entry)) reached.tabIndex = -1;
    }
    entry.tabIndex = 0;
    chosen.set(sheet.id, addressOf(entry));
  }

  /** One entry of each matrix can be reached with Tab; the arrow keys reach the others. */
  function prepare(sheet) {
    for (const matrix of sheet.querySelectorAll(".sheet-matrix")) {
      if (!matrix.querySelector("button[tabindex='0']")) matrix.querySelector("button").tabIndex = 0;
    }
  }

  /** After tables were swapped: show again what was chosen. */
  function restore(sheet) {
    prepare(sheet);
    const address = chosen.get(sheet.id);
    const [entry] = address ? entriesAt(sheet, address) : [];
    if (entry) show(entry);
  }

  // --- Mouse, finger, keyboard -------------------------------------------------------------------

  const entryOf = (event) => event.target.closest?.(ENTRY);

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && entryOf(event)) show(entryOf(event));
  });
  document.addEventListener("focusin", (event) => entryOf(event) && show(entryOf(event)));
  document.addEventListener("click", (event) => {
    const entry = entryOf(event);
    if (entry) {
      entry.focus({ preventScroll: true }); // Safari does not focus a button that is clicked
      show(entry);
    }
  });

  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    const entry = entryOf(event);
    if (!entry || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = rowsOf(matrixOf(entry));
    let [i, j] = placeOf(entry);
    if (event.key in MOVES) {
      i += MOVES[event.key][0];
      j += MOVES[event.key][1];
    } else if (event.key === "Home") j = 0;
    else if (event.key === "End") j = rows[i].length - 1;
    else return;
    event.preventDefault();
    rows[i]?.[j]?.focus();
  });

  document.addEventListener("courseware:drawn", (event) => {
    const sheet = event.target.querySelector(SHEET);
    if (sheet) restore(sheet);
  });

  window.coursewareSheets = {
    restore: (id) => document.getElementById(id) && restore(document.getElementById(id)),
  };
  const begin = () => document.querySelectorAll(SHEET).forEach(prepare);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
