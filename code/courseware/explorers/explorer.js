/* Explorers of a published page: decode an explorer's states, draw the one its controls name.
 *
 * payload.py writes the states and holds the same decoder in Python. plotly.js is loaded
 * once, when the page is idle or an explorer comes near: the smallest bundle that draws them all.
 */
(() => {
  "use strict";

  // Written by `python -m courseware.figures` from figures/theme.py and palette.json: change it there.
  const THEME = {"dark":{"#2748b0":"#7a95ff","#c25400":"#f7a13e","#3f9a84":"#5ee6b8","#9c1a30":"#ee6a58","#9a6be4":"#b083ba","#1c7593":"#3fb8e8","#1d2430":"#e6e9ef","#5d6675":"#a3acba","#e2e5ea":"#2e3541","#ffffff":"#14181e","#f6f8fc":"#181d27","#d4daef":"#28314b","#b1bde3":"#39456f","#8fa0d6":"#495993","#6c83c9":"#596db7","#4a65bd":"#6a81db","#c55d0d":"#ec9a3c","#da9866":"#9c6a31","#eecfb8":"#543e27","#f5f6f7":"#1d2127","#c3cce9":"#313b5d","#7d91d0":"#5163a5","#3251b4":"#758ff4"},"template":{"data":{"bar":[{"marker":{"line":{"width":0}},"type":"bar"}],"heatmap":[{"colorbar":{"len":0.9,"outlinewidth":0,"thickness":10,"tickfont":{"color":"#5d6675","size":12},"ticks":"","title":{"font":{"color":"#1d2430","size":12}}},"colorscale":[[0.0,"#f6f8fc"],[0.16666666666666666,"#d4daef"],[0.3333333333333333,"#b1bde3"],[0.5,"#8fa0d6"],[0.6666666666666666,"#6c83c9"],[0.8333333333333334,"#4a65bd"],[1.0,"#2748b0"]],"xgap":1,"ygap":1,"type":"heatmap"}],"scatter":[{"line":{"width":2.25},"marker":{"size":7},"type":"scatter"}]},"layout":{"annotationdefaults":{"font":{"color":"#1d2430","size":12},"showarrow":false},"bargap":0.25,"coloraxis":{"colorbar":{"len":0.9,"outlinewidth":0,"thickness":10,"tickfont":{"color":"#5d6675","size":12},"ticks":"","title":{"font":{"color":"#1d2430","size":12}}}},"colorscale":{"diverging":[[0.0,"#c55d0d"],[0.16666666666666666,"#da9866"],[0.3333333333333333,"#eecfb8"],[0.5,"#f5f6f7"],[0.6666666666666667,"#c3cce9"],[0.8333333333333334,"#7d91d0"],[1.0,"#3251b4"]],"sequential":[[0.0,"#f6f8fc"],[0.16666666666666666,"#d4daef"],[0.3333333333333333,"#b1bde3"],[0.5,"#8fa0d6"],[0.6666666666666666,"#6c83c9"],[0.8333333333333334,"#4a65bd"],[1.0,"#2748b0"]]},"colorway":["#2748b0","#c25400","#3f9a84","#9c1a30","#9a6be4","#1c7593"],"dragmode":false,"font":{"color":"#1d2430","family":"system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", Arial, sans-serif","size":13},"height":360,"hoverlabel":{"bgcolor":"#ffffff","bordercolor":"#e2e5ea","font":{"color":"#1d2430","size":12}},"legend":{"bgcolor":"rgba(0,0,0,0)","font":{"size":12},"itemclick":false,"itemdoubleclick":false,"orientation":"h","x":0,"xanchor":"left","y":1.02,"yanchor":"bottom"},"margin":{"b":32,"l":44,"r":16,"t":20},"paper_bgcolor":"rgba(0,0,0,0)","plot_bgcolor":"rgba(0,0,0,0)","shapedefaults":{"line":{"color":"#5d6675","width":1}},"xaxis":{"automargin":true,"color":"#5d6675","fixedrange":true,"gridcolor":"#e2e5ea","gridwidth":1,"linecolor":"#5d6675","showgrid":false,"showline":false,"tickcolor":"rgba(0,0,0,0)","tickfont":{"size":12},"ticklabeloverflow":"allow","ticklen":5,"ticks":"outside","title":{"font":{"color":"#1d2430","size":13},"standoff":8},"zerolinecolor":"#e2e5ea","zerolinewidth":1},"yaxis":{"automargin":true,"color":"#5d6675","fixedrange":true,"gridcolor":"#e2e5ea","gridwidth":1,"linecolor":"#5d6675","showline":false,"tickcolor":"rgba(0,0,0,0)","tickfont":{"size":12},"ticklabeloverflow":"allow","ticklen":5,"ticks":"outside","title":{"font":{"color":"#1d2430","size":13},"standoff":8},"zerolinecolor":"#e2e5ea","zerolinewidth":1}}}};

  const BUNDLES = ["basic", "cartesian", "full"];
  const FILES = { basic: "plotly-basic.min.js", cartesian: "plotly-cartesian.min.js", full: "plotly.min.js" };
  const HERE = document.currentScript ? document.currentScript.src : document.baseURI;
  const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false };
  const NARROW = 520; // pixels of figure below which margins and text shrink

  // --- States -----------------------------------------------------------------------------------

  async function decode(base64) {
    const packed = Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = new DataView(bytes.buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
    for (const column of header.columns) {
      column.values = column.json ?? unpack(column.array, bytes.subarray(4 + size));
    }
    return header;
  }

  function unpack({ kind, count, shape, lag = 0, from, first, per, low, step }, blob) {
    const width = Number(kind[1]);
    const bytes = new Uint8Array(count * width);
    for (let b = 0; b < width; b++) {
      for (let i = 0; i < count; i++) bytes[i * width + b] = blob[from + b * count + i];
    }
    const Codes = { u1: Uint8Array, u2: Uint16Array, f4: Float32Array, f8: Float64Array }[kind];
    const codes = new Codes(bytes.buffer);
    if (lag) for (let i = lag; i < count; i++) codes[i] += codes[i - lag];
    let numbers = codes;
    if (kind[0] === "u") {
      const gap = 256 ** width - 1;
      const value = per ? (code) => (code + first) / per : (code) => low + code * step;
      numbers = Float64Array.from(codes, (code) => (code === gap ? NaN : value(code)));
    }
    return split(numbers, shape);
  }

  function split(numbers, shape) {
    const arrays = [];
    for (let at = 0; at < numbers.length; ) {
      const [rows, columns] = Array.isArray(shape[0]) ? shape[arrays.length] : shape;
      const end = at + rows * (columns ?? 1);
      if (columns === undefined) arrays.push(numbers.subarray(at, end));
      else {
        const row = (_, r) => numbers.subarray(at + r * columns, at + (r + 1) * columns);
        arrays.push(Array.from({ length: rows }, row));
      }
      at = end;
    }
    return arrays;
  }

  /** The figure of one state: the base with the leaves that vary put in their places. */
  function assemble(header, state) {
    const figure = copy(header.base);
    for (const column of header.columns) {
      const i = valueOf(column, state);
      if (i < 0) continue;
      put(figure, column.at, column.values[i]);
    }
    return figure;
  }

  function put(node, path, value) {
    for (const key of path.slice(0, -1)) node = node[key] ??= {};
    node[path[path.length - 1]] = value;
  }

  const valueOf = ({ which }, state) => (which === null ? 0 : which === "each" ? state : which[state]);

  /** The same tree with each leaf as `change` gives it back; arrays of numbers are leaves. */
  function copy(node, change = (leaf) => leaf) {
    if (Array.isArray(node)) return node.map((inner) => copy(inner, change));
    if (node === null || typeof node !== "object" || ArrayBuffer.isView(node)) return change(node);
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, copy(inner, change)]));
  }

  // --- Colours ----------------------------------------------------------------------------------

  const isDark = () => document.documentElement.dataset.theme === "dark";

  /** The same tree with every palette colour replaced by its counterpart on a dark ground. */
  const darken = (node) => copy(node, (leaf) => (typeof leaf === "string" ? dark(leaf) : leaf));

  function dark(text) {
    return text
      .replace(/#[0-9a-f]{6}\b/gi, (hex) => THEME.dark[hex.toLowerCase()] ?? hex)
      .replace(/rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)/g, (whole, r, g, b, opacity) => {
        const hex = THEME.dark["#" + [r, g, b].map((n) => Number(n).toString(16).padStart(2, "0")).join("")];
        if (!hex) return whole;
        return `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},${opacity})`;
      });
  }

  let night; // made once
  const template = () => (isDark() ? (night ??= darken(THEME.template)) : THEME.template);

  // --- Small moves ------------------------------------------------------------------------------
  //
  // Plotly.react lays out the whole figure again. Most moves only change what traces show inside
  // fixed axes, or a note or a line among them: an animation frame without redraw does the first,
  // drawing these items alone the second, both together in a third to a half of the time.

  const DATA = {
    scatter: ["x", "y", "text", "customdata", "marker,size", "marker,color", "marker,opacity"],
    bar: ["x", "y", "base", "text", "customdata", "marker,color", "marker,opacity"],
    heatmap: ["z", "zmin", "zmax", "text", "customdata"],
  };
  const ITEMS = { annotations: ["text", "x", "y", "ax", "ay", "visible"], shapes: ["x0", "x1", "y0", "y1", "visible"] };

  /** What to change to get from one state to another, or null where all must be laid out anew. */
  function smallMove(header, from, to) {
    const { data, layout } = header.base;
    const move = { traces: data.map(() => ({})), items: [], moved: false };
    for (const column of header.columns) {
      const [before, after] = [valueOf(column, from), valueOf(column, to)];
      if (before === after) continue;
      if (before < 0 || after < 0) return null;
      const [root, i, ...rest] = column.at;
      if (rest.join() === "z" && shape(column.values[before]) !== shape(column.values[after])) return null;
      const value = isDark() ? darken(column.values[after]) : column.values[after];
      if (root === "data" && movableTrace(data[i], rest.join(), layout)) {
        put(move.traces[i], rest, value);
        move.moved = true;
      } else if (root === "layout" && rest.length === 2 && movableItem(layout, i, ...rest)) {
        move.items.push([i, ...rest, value]);
      } else return null;
    }
    return move;
  }

  const shape = (rows) => `${rows.length} × ${rows[0]?.length}`;

  function movableTrace(trace, leaf, layout) {
    if (!DATA[trace.type ?? "scatter"]?.includes(leaf)) return false;
    // Colours may follow the data where no scale beside the figure shows them.
    if (leaf[0] === "z") return trace.showscale === false || (leaf === "z" && "zmin" in trace && "zmax" in trace);
    if (leaf === "base") return fixed(layout, trace.xaxis ?? "x") && fixed(layout, trace.yaxis ?? "y");
    return "xy".includes(leaf) ? fixed(layout, trace[`${leaf}axis`] ?? leaf) : true;
  }

  function movableItem(layout, kind, i, leaf) {
    if (!ITEMS[kind]?.includes(leaf)) return false;
    const { xref = "x", yref = "y" } = layout[kind][i];
    return leaf === "text" || [xref, yref].every((ref) => ref === "paper" || fixed(layout, ref.split(" ")[0]));
  }

  /** Whether the axis has a range of its own, which no data can change. */
  const fixed = (layout, axis) => Boolean(layout[`${axis[0]}axis${axis.slice(1)}`]?.range);

  async function playMove(plot, { traces, items, moved }) {
    const changes = {};
    for (const [kind, i, leaf, value] of items) {
      const item = plot.layout[kind][i];
      item[leaf] = value;
      changes[`${kind}[${i}].opacity`] = item.opacity ?? 1; // makes plotly.js draw this item alone
    }
    if (items.length) window.Plotly.relayout(plot, changes);
    if (!moved) return;
    const kinds = new Map(plot._fullData.map(({ _module }) => [_module.name, _module]));
    // plotly.js leaves heat maps out of such frames, though they draw just as well, …
    if (kinds.has("heatmap")) kinds.get("heatmap").animatable = true;
    const still = { frame: { redraw: false, duration: 0 }, transition: { duration: 0 }, mode: "immediate" };
    const played = window.Plotly.animate(plot, { data: traces }, still);
    // The frame is drawn at once, in this very animation frame; its promise only settles in the next.
    await Promise.race([played, changed(plot)]);
    played.catch(() => {});
    kinds.get("bar")?.style(plot); // … and the colours of bars
  }

  /** Resolves as soon as something below the node is not what it was. */
  function changed(node) {
    return new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        observer.disconnect();
        resolve();
      });
      observer.observe(node, { subtree: true, childList: true, attributes: true, characterData: true });
    });
  }

  // --- plotly.js --------------------------------------------------------------------------------

  let plotly = null;
  function loadPlotly() {
    const wanted = [...document.querySelectorAll("[data-plotly-bundle]")].map((e) => e.dataset.plotlyBundle);
    if (!wanted.length) return Promise.resolve(); // worksheets only
    const bundle = BUNDLES[Math.max(...wanted.map((name) => BUNDLES.indexOf(name)))];
    return (plotly ??= window.Plotly
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = new URL(FILES[bundle], HERE).href;
          script.onload = resolve;
          script.onerror = () => reject(new Error(`cannot load ${script.src}`));
          document.head.append(script);
        }));
  }

  // --- One explorer -----------------------------------------------------------------------------

  let turn = Promise.resolve();

  class Explorer {
    constructor(element) {
      this.element = element;
      this.plot = element.querySelector(".explorer-plot");
      this.sheet = this.plot.classList.contains("courseware-sheet");
      this.controls = [...element.querySelectorAll("[data-control]")].map(readControl);
      this.stale = this.busy = false; // moved since the last draw; drawing now
      this.anew = true; // the next draw lays out everything
      this.near = false; // near what is on screen
      for (const control of this.controls) {
        control.input.addEventListener("input", () => this.changed(control));
        control.announce();
      }
      element.courseware = {
        state: () => Object.fromEntries(this.controls.map((c) => [c.name, c.texts[c.index()]])),
        set: (name, option) => this.set(name, option),
        figure: (state = this.state()) => assemble(this.header, state),
        ready: () => this.start(),
        again: () => this.again(),
      };
    }

    /** Load, decode and draw once; later calls wait for the same. */
    start() {
      return (this.started ??= this.open().catch((error) => this.apologise(error)));
    }

    async open() {
      const states = this.element.querySelector("script[type='application/x-courseware-states']");
      [this.header] = await Promise.all([decode(states.textContent), this.sheet || loadPlotly()]);
      this.stale = true;
      // One after the other, a frame apart: the first can be used while the next is drawn.
      await (turn = turn.catch(() => {}).then(() => this.frame()));
      if (!this.sheet) new ResizeObserver(() => this.resized()).observe(this.plot);
    }

    apologise(error) {
      const words = document.createElement("p");
      words.className = "explorer-words";
      const alt = this.element.getAttribute("aria-label");
      words.textContent = `This figure could not be drawn (${error.message}). In words: ${alt}`;
      this.plot.removeAttribute("aria-hidden");
      this.plot.replaceChildren(words);
      console.error(error);
    }

    /** Index of the state the controls name; the last control runs fastest. */
    state() {
      return this.controls.reduce((index, control) => index * control.texts.length + control.index(), 0);
    }

    set(name, option) {
      const control = this.controls.find((c) => c.name === name);
      if (!control) throw new Error(`no control ${name}`);
      const index = typeof option === "number" ? option : control.texts.indexOf(String(option));
      if (!(index in control.texts)) throw new Error(`${name} has no option ${option}`);
      control.choose(index);
      this.changed(control);
    }

    changed(control) {
      control.announce();
      this.stale = true;
      if (!this.busy && this.drawn !== undefined) this.frame();
    }

    /** Draw at once, then at most once an animation frame while moves keep coming. */
    async frame() {
      this.busy = true;
      try {
        while (this.stale) {
          this.stale = false;
          await Promise.all([this.draw(), new Promise(requestAnimationFrame)]);
        }
      } finally {
        this.busy = false;
      }
    }

    async draw() {
      const state = this.state();
      const move = this.anew || this.sheet ? null : smallMove(this.header, this.drawn, state);
      if (this.sheet) this.fill(state);
      else if (move) await playMove(this.plot, move).catch(() => this.layOut(state));
      else await this.layOut(state);
      this.drawn = state;
      this.element.dispatchEvent(new CustomEvent("courseware:drawn", { bubbles: true }));
    }

    /** A worksheet: put the tables that differ in their places. */
    fill(state) {
      const places = this.plot.querySelectorAll(".sheet-table");
      const tables = ({ stages }) => stages.flatMap((stage) => stage.tables.map(({ html }) => html));
      const [now, before] = [state, this.drawn ?? -1].map((i) => (i < 0 ? [] : tables(assemble(this.header, i))));
      now.forEach((html, i) => html === before[i] || (places[i].innerHTML = html));
    }

    async layOut(state) {
      this.anew = false;
      const figure = assemble(this.header, state);
      this.dark = isDark();
      const { data, layout } = this.dark ? darken(figure) : figure;
      layout.template = template();
      this.width = this.plot.clientWidth;
      this.narrow = this.width < NARROW;
      if (this.narrow) shrink(layout);
      await window.Plotly.react(this.plot, data, layout, CONFIG);
    }

    /** All anew: the theme or the width has changed. */
    again() {
      if (this.sheet || (this.drawn === undefined && !this.busy)) return;
      this.anew = this.stale = true;
      if (!this.busy) this.frame();
    }

    /** The reader or the theme has changed; a figure far away waits until the reader is near. */
    look(near = this.near) {
      this.near = near;
      if (near) this.start();
      if (near && this.dark !== isDark()) this.again();
    }

    resized() {
      const width = this.plot.clientWidth;
      if (!width || width === this.width) return;
      this.width = width;
      if (width < NARROW !== this.narrow) this.again();
      else window.Plotly.Plots.resize(this.plot);
    }
  }

  /** On a phone: the axes take the margins' room. */
  function shrink(layout) {
    layout.margin = { l: 36, r: 8, t: 24, b: 36, ...layout.margin };
    layout.font = { size: 12, ...layout.font };
  }

  /** One input as a list of texts: which is chosen, choose another, announce the choice. */
  function readControl(input) {
    const control = { input, name: input.dataset.control, announce() {} };
    if (input.type === "checkbox") {
      const texts = input.dataset.first === "on" ? ["on", "off"] : ["off", "on"];
      const index = () => texts.indexOf(input.checked ? "on" : "off");
      return { ...control, texts, index, choose: (i) => (input.checked = texts[i] === "on") };
    }
    if (input.type !== "range") {
      const texts = [...input.options].map((option) => option.text);
      return { ...control, texts, index: () => input.selectedIndex, choose: (i) => (input.selectedIndex = i) };
    }
    const texts = JSON.parse(input.dataset.texts);
    const output = input.parentElement.querySelector("output");
    control.announce = () => {
      output.textContent = texts[input.value];
      input.setAttribute("aria-valuetext", texts[input.value]);
      input.style.setProperty("--filled", `${(100 * input.value) / (texts.length - 1)}%`);
    };
    return { ...control, texts, index: () => Number(input.value), choose: (i) => (input.value = i) };
  }

  // --- The page ---------------------------------------------------------------------------------

  function begin() {
    const explorers = [...document.querySelectorAll(".courseware-explorer")].map((e) => new Explorer(e));
    if (!explorers.length) return;
    const near = new IntersectionObserver(
      (entries) => {
        const distance = ({ boundingClientRect: box }) => Math.abs(box.top + box.bottom - innerHeight);
        for (const { isIntersecting, target } of entries.sort((a, b) => distance(a) - distance(b))) {
          explorers.find((e) => e.element === target).look(isIntersecting);
        }
      },
      { rootMargin: "600px 0px" },
    );
    for (const explorer of explorers) near.observe(explorer.element);
    // The reader has something to read: fetch plotly.js before the first explorer comes near.
    const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
    window.addEventListener("load", () => idle(() => loadPlotly().catch(() => {})), { once: true });
    const look = () => explorers.forEach((explorer) => explorer.look());
    new MutationObserver(look).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
