// What a page does besides its explorers and quizzes: theme, reading mode, contents on a phone,
// copying code, boxes that scroll. Everything else works without a script.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const remember = (key, value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // Storage is off: the choice holds for this page.
    }
  };

  // --- Theme: as the system, light, dark ---
  const names = { auto: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const setMode = (mode) => {
    root.dataset.mode = mode;
    root.dataset.theme = mode === "auto" ? (system.matches ? "dark" : "light") : mode;
    find(".theme-button span").textContent = names[mode];
    find(".theme-button").title = names[mode];
  };
  const themes = () => {
    const modes = Object.keys(names);
    find(".theme-button").hidden = false;
    setMode(modes.includes(root.dataset.mode) ? root.dataset.mode : "auto");
    find(".theme-button").addEventListener("click", () => {
      setMode(modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length]);
      remember("mode", root.dataset.mode);
    });
    system.addEventListener("change", () => setMode(root.dataset.mode));
  };

  /** Keep what the reader looks at where it is while text above it comes or goes. */
  const steadily = (change) => {
    const anchor = all("article :is(p, figure, .equation, h2, h3)").find(
      (element) => !element.closest("[hidden]") && element.getBoundingClientRect().top > 60,
    );
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
  };

  // --- Reading mode: the lesson without its code ---
  const reading = () => {
    const button = find(".code-button");
    if (!button) return;
    const set = (hidden) => {
      root.dataset.code = hidden ? "hidden" : "shown";
      button.setAttribute("aria-pressed", String(hidden));
      button.title = hidden ? "Code is hidden: show it" : "Read without code";
    };
    set(root.dataset.code === "hidden");
    button.addEventListener("click", () => {
      steadily(() => set(root.dataset.code !== "hidden"));
      remember("code", root.dataset.code);
    });
  };

  // --- Proofs: one switch opens or folds all that fold ---
  const proofs = () => {
    const button = find(".proofs-button");
    if (!button) return;
    const set = (open) => {
      button.setAttribute("aria-pressed", String(open));
      for (const fold of all(`.proof > .fold-button[aria-expanded="${!open}"]`)) fold.click();
    };
    if (root.dataset.proofs === "open") set(true);
    delete root.dataset.proofs; // from here on each proof knows itself whether it is open
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      steadily(() => set(open));
      remember("proofs", open ? "open" : "folded");
    });
  };

  // --- Contents on a narrow screen; "/" or Ctrl+K to search ---
  const contents = () => {
    const button = find(".menu-button");
    const side = find(".side");
    const show = () => {
      const here = side.querySelector("[aria-current=page]");
      if (here && here.offsetTop > side.clientHeight) side.scrollTop = here.offsetTop - side.clientHeight / 2;
    };
    const open = (yes) => {
      root.dataset.contents = yes ? "open" : "closed";
      if (yes) show();
      button.setAttribute("aria-expanded", String(yes));
    };
    button.addEventListener("click", () => open(root.dataset.contents !== "open"));
    addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, select, textarea");
      const slash = event.key === "/" && !typing;
      const k = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
      if (event.key === "Escape" && root.dataset.contents === "open") {
        open(false);
        button.focus();
      } else if (slash || k) {
        event.preventDefault();
        if (button.offsetParent) open(true);
        find("#search-words").focus();
      }
    });
    show();
  };

  // --- The page's own contents: open where they stand beside the text, folded above it ---
  const onThisPage = () => {
    const details = find(".on-this-page details");
    if (!details) return;
    const beside = matchMedia("(width >= 77.5em)");
    beside.addEventListener("change", () => (details.open = beside.matches));
  };

  // --- Where on the page the reader is ---
  const follow = () => {
    const links = new Map(all(".on-this-page a").map((link) => [link.hash.slice(1), link]));
    const sections = all("article section[id]").filter((section) => links.has(section.id));
    const mark = () => {
      const passed = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
      const current = passed.at(-1)?.id;
      for (const [id, link] of links) link.classList.toggle("here", id === current);
    };
    let waiting = false;
    addEventListener(
      "scroll",
      () => {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(() => {
          waiting = false;
          mark();
        });
      },
      { passive: true },
    );
    mark();
  };

  // --- Copying code ---
  const copying = () => {
    if (!navigator.clipboard) return;
    for (const block of all(".cell_input .highlight, article > section > div > .highlight")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.querySelector("pre").textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 1500);
      });
      block.append(button);
    }
  };

  // --- Boxes that scroll sideways can be reached by keyboard, and only while they do ---
  const scrolling = () => {
    const watch = (box) => {
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", box.matches("pre") ? "Code, scrolls sideways" : "Scrolls sideways");
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
      }
    };
    const observer = new ResizeObserver((entries) => entries.forEach(({ target }) => watch(target)));
    for (const box of all(".equation, article pre, .pst-scrollable-table-container")) observer.observe(box);
    document.fonts?.ready.then(() => all(".equation").forEach(watch));
  };

  const start = () =>
    [themes, reading, proofs, contents, onThisPage, follow, copying, scrolling].forEach((part) => part());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
