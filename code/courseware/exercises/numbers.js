// Reads the numbers that a reader types: 3/4, 0,75, .75, 75e-2, 75 %, 2^-3, 2**-3, √2, sqrt(2),
// ln 8, −1, 1 000 000; and lists of them. What cannot be read, or can be read in two ways, is an
// Unreadable whose message says so.
(() => {
  "use strict";

  class Unreadable extends Error {}

  const unreadable = (text) =>
    new Unreadable(
      `“${text.trim()}” cannot be read as a number. These can: 3/4, 0.75, 75e-2, 2^-3, sqrt(2).`,
    );

  const CONSTANTS = { e: Math.E, pi: Math.PI, π: Math.PI };
  const FUNCTIONS = { sqrt: Math.sqrt, ln: Math.log, log2: Math.log2, log10: Math.log10, exp: Math.exp };
  const TOKEN = /\s*(?:((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([a-z]+\d*|π)|(\*\*|[-+*/^()%√]))\s*/iy;
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

  // One way of writing each sign; digits in groups of three joined; the decimal sign a point.
  const plain = (text) => {
    let line = text
      .replace(/[−–‒]/g, "-")
      .replace(/[×·⋅∙]/g, "*")
      .replace(/÷/g, "/")
      .replace(/(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)/g, (_, minus, digits) => {
        const power = [...digits].map((digit) => SUPERSCRIPTS.indexOf(digit)).join("");
        return `^(${minus ? "-" : ""}${power})`;
      })
      .replace(/(?<![\d.,])\d{1,3}(?:[\s'’_]\d{3})+(?!\d)/g, (group) => group.replace(/\D/g, ""))
      .replace(/(?<![\d.,])\d{1,3}(?:,\d{3}){2,}(?![\d,])/g, (group) => group.replaceAll(",", ""))
      .replace(/(?<![\d.,])\d{1,3}(?:\.\d{3}){2,}(?![\d.])/g, (group) => group.replaceAll(".", ""))
      .replace(/(?<![\d.,])(\d{1,3}),(\d{3}\.\d)/g, "$1$2");
    const twofold = line.match(/(?<![\d.,])([1-9]\d{0,2}),(\d{3})(?![\d,])/);
    if (twofold) {
      const [both, whole, rest] = twofold;
      throw new Unreadable(`“${both}” can be read in two ways. Write ${whole}${rest} or ${whole}.${rest}.`);
    }
    return line.replace(/(?<![\d.,])(\d*),(\d+)(?![\d,.])/g, "$1.$2");
  };

  const tokens = (line) => {
    const found = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < line.length) {
      const match = TOKEN.exec(line);
      if (!match) return null;
      if (match[1]) found.push({ number: Number(match[1]) });
      else found.push({ sign: match[2] ? match[2].toLowerCase() : match[3] });
    }
    return found;
  };

  // A sum of products of signed powers: −2^2 is −4, 2^-3 an eighth, 2√2 a product.
  const evaluate = (line) => {
    const list = tokens(line);
    let place = 0;
    const fail = () => {
      throw new Unreadable(); // `read` knows what was typed
    };
    if (!list) fail();
    const next = () => list[place]?.sign;
    const take = (...signs) => signs.includes(next()) && list[place++].sign;
    const sum = () => {
      let value = product();
      for (let sign; (sign = take("+", "-")); ) value += sign === "+" ? product() : -product();
      return value;
    };
    const product = () => {
      let value = signed();
      for (;;) {
        if (take("*")) value *= signed();
        else if (take("/")) value /= signed();
        else if (next() === "√" || next() in CONSTANTS || next() in FUNCTIONS) value *= signed();
        else return value;
      }
    };
    const signed = () => (take("-") ? -signed() : take("+") ? signed() : power());
    const power = () => {
      let base = single();
      if (take("%")) base /= 100;
      return take("^", "**") ? base ** signed() : base;
    };
    const single = () => {
      const token = list[place++] ?? fail();
      if (token.number !== undefined) return token.number;
      if (token.sign === "√") return Math.sqrt(single());
      if (token.sign === "(") {
        const value = sum();
        return take(")") ? value : fail();
      }
      if (Object.hasOwn(CONSTANTS, token.sign)) return CONSTANTS[token.sign];
      if (token.sign === "log") {
        throw new Unreadable("“log” can be read in two ways. Write ln, log2 or log10.");
      }
      return Object.hasOwn(FUNCTIONS, token.sign) ? FUNCTIONS[token.sign](single()) : fail();
    };
    const value = sum();
    return place === list.length && Number.isFinite(value) ? value : fail();
  };

  const read = (text, unit = "") => {
    let typed = text.trim();
    if (unit && typed.toLowerCase().endsWith(unit.toLowerCase())) {
      typed = typed.slice(0, -unit.length).trim();
    }
    const infinite = typed.match(/^([-−+]?)\s*(?:∞|inf|infinity)$/i);
    if (infinite) return "-−".includes(infinite[1]) && infinite[1] ? -Infinity : Infinity;
    if (typed.length > 200) throw unreadable(`${typed.slice(0, 40)}…`);
    try {
      return evaluate(plain(typed));
    } catch (error) {
      if (error instanceof Unreadable && error.message) throw error;
      throw unreadable(typed);
    }
  };

  // Brackets around the whole, as in (1, 2), but not those of (1 + 2)/3 or (1) (2).
  const bare = (text) => {
    const list = text.trim();
    if (!/^[([{].*[)\]}]$/s.test(list)) return list;
    let depth = 0;
    for (let i = 0; i < list.length - 1; i++) {
      if ("([{".includes(list[i])) depth++;
      if (")]}".includes(list[i])) depth--;
      if (depth === 0) return list;
    }
    return list.slice(1, -1).trim();
  };

  // The parts of a list: by semicolons or lines, else by commas with a space, else by spaces, else
  // by commas.
  const split = (text) => {
    const list = bare(text)
      .replace(/\s*(\*\*|[/^*×·÷])\s*/g, "$1")
      .replace(/([(√])\s+/g, "$1")
      .replace(/\s+\)/g, ")")
      .replace(/\s+%/g, "%")
      .replace(/\s+and\s+/gi, " ");
    const signs = [/[;\n]/, /,\s+/, /\s+/, /,/];
    const sign = signs.find((one) => one.test(list)) ?? /,/;
    return list
      .split(sign)
      .map((part) => part.trim())
      .filter(Boolean);
  };

  globalThis.coursewareNumbers = Object.freeze({ read, split, Unreadable });
})();
