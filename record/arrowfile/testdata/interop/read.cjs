// Prints the rows of segments as another implementation of Arrow reads them: one
// JSON object a line, numbers as the hexadecimal digits of their bits.
// usage: node read.cjs arrow|stream|polars SEGMENT...
// stream takes a segment without a footer: from byte 8 it is a stream, whose end
// may be torn.
const fs = require("fs");
const [library, ...segments] = process.argv.slice(2);

const hex = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");
const float64 = (v) => (v === null || v === undefined ? null : hex(Float64Array.of(v)));
// Vectors come as the bits of float32: a bfloat16 is the upper half of one; a
// float16 is computed.
const bits = { float32: hex, bfloat16: (v) => hex(Uint32Array.from(v, (h) => h << 16)), float16: (v) => hex(Float32Array.from(v, half)) };
function half(h) {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 0x1f, fraction = h & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
const numbers = ["batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss"];
const integers = ["step", "substep", "epoch", "examples", "evaluations", "wall_time_ns"];
const vectors = ["theta", "grad", "state"];

function print(columns, dtype, get) {
  const row = {};
  for (const name of integers) row[name] = columns.includes(name) ? String(get(name)) : "0"; // there may be no substep
  for (const name of numbers) row[name] = float64(get(name));
  for (const name of vectors) {
    if (!columns.includes(name)) continue;
    const v = get(name);
    row[name] = v === null || v === undefined ? null : name === "state" ? hex(v) : bits[dtype](v);
  }
  console.log(JSON.stringify(row));
}

function withArrow(path) {
  const { tableFromIPC } = require("apache-arrow");
  printTable(tableFromIPC(fs.readFileSync(path)));
}

function asStream(path) {
  const { RecordBatchReader, Table } = require("apache-arrow");
  try {
    for (const batch of RecordBatchReader.from(fs.readFileSync(path).subarray(8))) printTable(new Table([batch]));
  } catch (err) {
    console.error(`the end is torn: ${err.message}`);
  }
}

function printTable(table) {
  const columns = table.schema.fields.map((f) => f.name);
  const dtype = table.schema.metadata.get("sgdwalk.dtype") ?? "float32";
  for (let i = 0; i < table.numRows; i++) {
    print(columns, dtype, (name) => {
      const v = table.getChild(name).get(i);
      return v !== null && vectors.includes(name) ? v.toArray() : v;
    });
  }
}

function withPolars(path) {
  const pl = require("nodejs-polars");
  // It does not hand out the schema's metadata; the header says the same.
  const dtype = JSON.parse(fs.readFileSync(require("path").join(require("path").dirname(path), "header.json"))).dtype;
  const table = (pl.default ?? pl).readIPC(fs.readFileSync(path));
  for (let i = 0; i < table.height; i++) {
    const row = table.slice(i, 1);
    print(table.columns, dtype, (name) => {
      const column = row.getColumn(name);
      if (column.nullCount() > 0) return null;
      // Its way to hand over 64-bit integers loses digits; their text does not.
      if (integers.includes(name)) return column.cast((pl.default ?? pl).Utf8).get(0);
      if (vectors.includes(name)) return (name === "state" || dtype === "float32" ? Float32Array : Uint16Array).from(column.explode().toArray());
      return column.get(0);
    });
  }
}

const read = { arrow: withArrow, stream: asStream, polars: withPolars }[library];
for (const path of segments) read(path);
