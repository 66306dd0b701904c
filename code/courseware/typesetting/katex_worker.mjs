// Reads one request a line ({"tex": …, "display": …}) and answers one line ({"html": …} or {"error": …}).
// The first argument is the folder that holds the npm package katex.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const katex = createRequire(join(process.argv[2], "katex", "package.json"))("katex");

const options = {
  output: "htmlAndMathml", // MathML is what a screen reader reads
  strict: "error", // a symbol without metrics would be set at a wrong width
  throwOnError: true,
  trust: false,
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = { html: katex.renderToString(tex, { ...options, displayMode: display }) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
