// Deterministic CBOR (RFC 8949, 4.2.1) and nothing else: what has a second encoding is refused.
//
// Values become: integers bigint, byte strings Buffer, text string, arrays Array, maps Map (keys are bigint, string, or
// the hexadecimal of bytes after "h:"), tags Tagged, floats number, and false, true, null. Every item that decode
// returns inside an array or a map can be had with its own bytes: see raw.

export class Malformed extends Error {}

export class Tagged {
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }
}

const rawOf = new WeakMap();

// raw returns the bytes of each item of an array that decode returned.
export function raw(array) {
  return rawOf.get(array);
}

export function decode(bytes, maxDepth = 16) {
  let at = 0;
  const need = (n) => {
    if (n > bytes.length - at) throw new Malformed("it ends too early");
    at += n;
    return bytes.subarray(at - n, at);
  };
  const head = () => {
    const first = need(1)[0];
    const info = first & 31;
    if (info < 24) return [first >> 5, BigInt(info), info];
    if (info > 27) throw new Malformed("an indefinite length or a reserved form");
    const size = 1 << (info - 24);
    let n = 0n;
    for (const b of need(size)) n = (n << 8n) | BigInt(b);
    if (first >> 5 !== 7) {
      const least = info === 24 ? 24n : 1n << BigInt(4 * size);
      if (n < least) throw new Malformed("a number in a long form");
    }
    return [first >> 5, n, info];
  };
  const length = (n) => {
    if (n > BigInt(bytes.length)) throw new Malformed("a length beyond the end");
    return Number(n);
  };
  const item = (depth) => {
    if (depth > maxDepth) throw new Malformed("nested too deep");
    const [major, n, info] = head();
    switch (major) {
      case 0:
        return n;
      case 1:
        return -1n - n;
      case 2:
        return Buffer.from(need(length(n)));
      case 3: {
        try {
          return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(need(length(n)));
        } catch {
          throw new Malformed("text that is not UTF-8");
        }
      }
      case 4: {
        const array = [];
        const parts = [];
        for (let i = length(n); i > 0; i--) {
          const from = at;
          array.push(item(depth + 1));
          parts.push(bytes.subarray(from, at));
        }
        rawOf.set(array, parts);
        return array;
      }
      case 5: {
        const map = new Map();
        let last = null;
        for (let i = length(n); i > 0; i--) {
          const from = at;
          let key = item(depth + 1);
          const encoded = bytes.subarray(from, at);
          if (last && Buffer.compare(last, encoded) >= 0) throw new Malformed("keys that are not in order, or twice there");
          last = encoded;
          if (Buffer.isBuffer(key)) key = "h:" + key.toString("hex");
          map.set(key, item(depth + 1));
        }
        return map;
      }
      case 6:
        return new Tagged(n, item(depth + 1));
      default:
        return simple(n, info);
    }
  };
  const simple = (n, info) => {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info < 25) throw new Malformed("a simple value that nothing here has");
    const all = Buffer.alloc(8);
    let value;
    if (info === 25) {
      value = half(Number(n));
      if (Number.isNaN(value) && n !== 0x7e00n) throw new Malformed("another NaN than the one");
    } else if (info === 26) {
      all.writeUInt32BE(Number(n));
      value = all.readFloatBE();
      if (Number.isNaN(value) || isHalf(value)) throw new Malformed("a float in a long form");
    } else {
      all.writeBigUInt64BE(n);
      value = all.readDoubleBE();
      if (Number.isNaN(value) || Math.fround(value) === value) throw new Malformed("a float in a long form");
    }
    return value;
  };
  const value = item(0);
  if (at !== bytes.length) throw new Malformed("there are bytes behind the end");
  return value;
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024);
}

function isHalf(value) {
  if (!Number.isFinite(value) || value === 0) return true;
  const size = Math.abs(value);
  if (size >= 65520) return false;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(size)), -14) - 10);
  return Number.isInteger(size / unit);
}
