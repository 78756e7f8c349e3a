// What host.cpp does, for a WebAssembly module: node host.mjs MODULE.
import fs from "node:fs";

const module = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const library = new WebAssembly.Instance(module, {}).exports; // it imports nothing
library._initialize();

/** Read so many bytes, or end with the input. */
function read(count) {
  const bytes = Buffer.alloc(count);
  for (let at = 0; at < count; ) {
    const got = fs.readSync(0, bytes, at, count - at);
    if (!got) process.exit(0);
    at += got;
  }
  return bytes;
}

const integers = (count) => {
  const bytes = read(8 * count);
  return Array.from({ length: count }, (_, i) => bytes.readBigInt64LE(8 * i));
};

const numbers = (count) => integers(count).map(Number);

function write(bytes) {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
}

// The memory may grow with every call, and then has another buffer.
const bytesAt = (address, count) => new Uint8Array(library.memory.buffer, address, count);

function kernelsName() {
  const address = library.semsynth_kernels();
  const bytes = bytesAt(address, 56);
  return bytes.slice(0, bytes.indexOf(0));
}

const greeting = Buffer.alloc(64);
greeting[0] = 4;
greeting.set(kernelsName(), 8);
write(greeting);

for (;;) {
  const [length, buffers, relocations, count] = numbers(4);
  const name = read(length).toString();
  const sizes = numbers(buffers);
  const places = numbers(4 * relocations);
  const given = integers(3 * count);
  const addresses = sizes.map((size) => {
    const data = read(size);
    const address = library.malloc(size || 1);
    bytesAt(address, size).set(data);
    return address;
  });
  for (let i = 0; i < places.length; i += 4) {
    const [buffer, offset, target, delta] = places.slice(i, i + 4);
    new DataView(library.memory.buffer).setUint32(addresses[buffer] + offset, addresses[target] + delta, true);
  }
  const values = Array.from({ length: count }, (_, i) => {
    const [bits, value, delta] = given.slice(3 * i, 3 * i + 3);
    if (bits === 64n) return value;
    return bits ? Number(value) : addresses[Number(value)] + Number(delta);
  });
  const result = Buffer.alloc(8);
  result.writeBigInt64LE(BigInt(library[name](...values) ?? 0));
  write(result);
  addresses.forEach((address, i) => write(bytesAt(address, sizes[i])));
  addresses.forEach((address) => library.free(address));
}
