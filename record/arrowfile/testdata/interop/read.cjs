// Prints the rows of segments as another implementation of Arrow reads them: one
// JSON object a line, numbers as the hexadecimal digits of their bits.
// usage: node read.cjs arrow|stream|polars SEGMENT...
// stream takes a segment without a footer: from byte 8 it is a stream, whose end
// may be torn.
const fs = require("fs");
const [library, ...segments] = process.argv.slice(2);

const hex = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");
const float64 = (v) => (v === null || v === undefined ? null : hex(Float64Array.of(v)));
const float32 = (v) => (v === null || v === undefined ? null : hex(v));
const numbers = ["batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss"];
const integers = ["step", "substep", "epoch", "examples", "evaluations", "wall_time_ns"];
const vectors = ["theta", "grad", "state"];

function print(columns, get) {
  const row = {};
  for (const name of integers) row[name] = String(get(name));
  for (const name of numbers) row[name] = float64(get(name));
  for (const name of vectors) if (columns.includes(name)) row[name] = float32(get(name));
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
  for (let i = 0; i < table.numRows; i++) {
    print(columns, (name) => {
      const v = table.getChild(name).get(i);
      return v !== null && vectors.includes(name) ? v.toArray() : v;
    });
  }
}

function withPolars(path) {
  const pl = require("nodejs-polars");
  const table = (pl.default ?? pl).readIPC(fs.readFileSync(path));
  for (let i = 0; i < table.height; i++) {
    const row = table.slice(i, 1);
    print(table.columns, (name) => {
      const column = row.getColumn(name);
      if (column.nullCount() > 0) return null;
      // Its way to hand over 64-bit integers loses digits; their text does not.
      if (integers.includes(name)) return column.cast((pl.default ?? pl).Utf8).get(0);
      if (vectors.includes(name)) return Float32Array.from(column.explode().toArray());
      return column.get(0);
    });
  }
}

const read = { arrow: withArrow, stream: asStream, polars: withPolars }[library];
for (const path of segments) read(path);
