// Reads an AsyncAPI document from standard input and tells what the official parser finds in it, as JSON.

const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
  const counts = document && {
    channels: document.channels().length,
    operations: document.operations().length,
    messages: document.components().messages().length,
  };
  const complaints = diagnostics.map((it) => ({
    severity: it.severity,
    code: it.code,
    message: it.message,
    path: it.path.join("/"),
  }));
  console.log(JSON.stringify({ counts, complaints }));
}

main();
