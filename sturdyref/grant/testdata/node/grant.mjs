// Grants, read and verified from what docs/grants.md says of them, without any of the Go code. The signatures are checked
// by @auth0/cose.

import { createHash, createPublicKey } from "node:crypto";
import { Sign1 } from "@auth0/cose";
import { decode, raw, Malformed, Tagged } from "./cbor.mjs";

export class Refused extends Error {
  constructor(reason, what) {
    super(`${reason}: ${what}`);
    this.reason = reason;
  }
}

const need = (ok, reason, what) => {
  if (!ok) throw new Refused(reason, what);
};

const sha256 = (...parts) => {
  const h = createHash("sha256");
  for (const p of parts) h.update(p);
  return h.digest();
};

const kinds = {
  grant: { aad: "hawser/grant/v1", longest: 1024 },
  presentation: { aad: "hawser/present/v1", longest: 512 },
  message: { aad: "hawser/msg/v1", longest: 512 << 10 },
  revocation: { aad: "hawser/revoke/v1", longest: 4096 },
  head: { aad: "hawser/head/v1", longest: 512 },
  snapshot: { aad: "hawser/snapshot/v1", longest: 512 },
  receipt: { aad: "hawser/receipt/v1", longest: 512 },
};
for (const [name, kind] of Object.entries(kinds)) {
  const type = Buffer.from(`application/hawser-${name}+cbor`);
  kind.name = name;
  kind.protected = Buffer.concat([Buffer.from([0xa2, 0x01, 0x27, 0x10, 0x78, type.length]), type]);
}

const skew = 60;
const maxSeconds = 253402300799n;
const isBytes = (v, n) => Buffer.isBuffer(v) && (n === undefined || v.length === n);
const isNumber = (v, from, to) => typeof v === "bigint" && v >= from && v <= to;
const isName = (v) => typeof v === "string" && /^[A-Za-z0-9_?!-]{1,64}$/.test(v);
const isSeconds = (v) => isNumber(v, 1n, maxSeconds);
const max64 = (1n << 64n) - 1n;

function strict(read) {
  try {
    return read();
  } catch (err) {
    if (err instanceof Malformed) throw new Refused("malformed", err.message);
    throw err;
  }
}

// open takes an envelope apart.
function open(kind, bytes) {
  need(bytes.length <= kind.longest, "malformed", "too long");
  const tagged = strict(() => decode(bytes));
  need(tagged instanceof Tagged && tagged.tag === 18n, "malformed", "no COSE_Sign1");
  const parts = tagged.value;
  need(Array.isArray(parts) && parts.length === 4, "malformed", "no COSE_Sign1");
  const [header, unprotected, payload, signature] = parts;
  need(isBytes(header) && header.equals(kind.protected), "malformed", "another protected header");
  need(unprotected instanceof Map && unprotected.size === 0, "malformed", "an unprotected header");
  need(isBytes(payload) && isBytes(signature, 64), "malformed", "no payload, or no signature of 64 bytes");
  return { kind, header, payload, signature, claims: strict(() => decode(payload)) };
}

// fields checks that a map of claims has the keys it must and may have, each with a value of the right sort.
function fields(claims, required, optional) {
  need(claims instanceof Map, "malformed", "the claims are no map");
  const seen = {};
  for (const [key, value] of claims) {
    const check = required[key] ?? optional[key];
    need(typeof key === "bigint" && check, "malformed", `a claim ${key}`);
    need(check(value), "malformed", `the value of claim ${key}`);
    seen[key] = value;
  }
  for (const key of Object.keys(required)) need(key in seen, "malformed", `claim ${key} is missing`);
  return seen;
}

const version = (v) => v === 1n;
const key = (v) => isBytes(v, 32);
const hash = (v) => isBytes(v, 32);
const id16 = (v) => isBytes(v, 16);

async function verify(key, envelope, reason = "bad signature") {
  need(isStrictPoint(key) && isStrictPoint(envelope.signature.subarray(0, 32)), reason, "a point that is not canonical, or of small order");
  const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }, format: "jwk" });
  const sign1 = new Sign1(envelope.header, new Map(), envelope.payload, envelope.signature);
  try {
    await sign1.verify(publicKey, { externalAAD: Buffer.from(envelope.kind.aad), algorithms: [-8] });
  } catch {
    throw new Refused(reason, "it does not verify");
  }
}

// The curve: a point is strict if its encoding is canonical and eight times the point is not the neutral element.
const P = (1n << 255n) - 19n;
const mod = (a) => ((a % P) + P) % P;
const power = (a, e) => {
  let r = 1n;
  for (a = mod(a); e > 0n; e >>= 1n, a = (a * a) % P) if (e & 1n) r = (r * a) % P;
  return r;
};
const invert = (a) => power(a, P - 2n);
const D = mod(-121665n * invert(121666n));
const rootOfMinusOne = power(2n, (P - 1n) / 4n);

function isStrictPoint(bytes) {
  const little = BigInt("0x" + Buffer.from(bytes).reverse().toString("hex"));
  const odd = little >> 255n;
  const y = little & ((1n << 255n) - 1n);
  if (y >= P) return false;
  const square = mod((y * y - 1n) * invert(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if ((x * x) % P !== square) x = (x * rootOfMinusOne) % P;
  if ((x * x) % P !== square) return false;
  if (x === 0n && odd) return false;
  if ((x & 1n) !== odd) x = mod(-x);
  let [a, b] = [x, y];
  for (let i = 0; i < 3; i++) {
    const t = mod(D * a * a * b * b);
    [a, b] = [mod(2n * a * b * invert(1n + t)), mod((b * b + a * a) * invert(1n - t))];
  }
  return !(a === 0n && b === 1n);
}

function segments(path) {
  if (typeof path !== "string" || !path.startsWith("/")) return null;
  if (path === "/") return [];
  const list = path.slice(1).split("/");
  return list.some((s) => s === "" || s === "." || s === "..") ? null : list;
}

function isPlain(value) {
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "string" || isBytes(value)) return true;
  if (typeof value === "bigint") return value >= -(1n << 63n) && value < 1n << 63n;
  if (value instanceof Tagged) return value.tag === 26722n && typeof value.value === "string";
  if (Array.isArray(value)) return value.every(isPlain);
  return value instanceof Map && [...value].every(([k, v]) => typeof k === "string" && !k.startsWith("h:") && isPlain(v));
}

const isIndex = (v) => isNumber(v, 0n, 255n);
const isCount = (v) => isNumber(v, 1n, maxSeconds);
const caveats = {
  1: (i, v, ...more) => more.length === 0 && isIndex(i) && isBytes(v) && isPlain(strict(() => decode(v))),
  2: (i, path, ...more) => more.length === 0 && isIndex(i) && segments(path) !== null,
  3: (n, ...more) => more.length === 0 && isCount(n),
  4: (from, to, ...more) => more.length === 0 && isNumber(from, 1n, max64) && isNumber(to, from, max64),
  5: (n, ...more) => more.length === 0 && isCount(n),
  6: (...more) => more.length === 0,
  7: (...more) => more.length === 0,
  8: (n, ...more) => more.length === 0 && isCount(n),
};
const isCaveat = (v) => Array.isArray(v) && v.length > 0 && typeof v[0] === "bigint" && caveats[v[0]] !== undefined && caveats[v[0]](...v.slice(1));
const ascending = (list) => list.every((m, i) => i === 0 || list[i - 1] < m);

// parse reads a grant and checks everything but times, revocations and signatures.
export function parse(bytes) {
  need(bytes.length <= 4096, "malformed", "too long");
  const chain = strict(() => decode(bytes));
  need(Array.isArray(chain) && chain.length >= 1 && chain.length <= 8 && chain.every((l) => isBytes(l)), "malformed", "not one to eight links");
  const links = [];
  for (const sealed of chain) {
    const envelope = open(kinds.grant, sealed);
    const c = fields(
      envelope.claims,
      { 1: version, 2: key, 3: key, 10: isSeconds, 12: (v) => isNumber(v, 0n, 7n), 14: id16 },
      {
        4: key,
        5: id16,
        6: isName,
        7: (v) => Array.isArray(v) && v.length >= 1 && v.length <= 16 && v.every(isName) && ascending(v),
        8: (v) => Array.isArray(v) && v.length >= 1 && v.length <= 8 && v.every(isCaveat),
        9: isSeconds,
        11: isSeconds,
        13: hash,
      },
    );
    need(!(9 in c) || c[9] < c[10], "malformed", "it begins no earlier than it ends");
    need(!(11 in c) || c[11] >= c[10], "malformed", "accept-by before expires");
    const last = links.at(-1);
    if (!last) {
      need(!(13 in c) && 4 in c && 5 in c && c[4].equals(c[2]), "broken chain", "no root of its subject's");
    } else {
      need(13 in c && !(4 in c) && !(5 in c) && !(6 in c), "broken chain", "no child");
      need(c[13].equals(last.id), "broken chain", "another parent");
      need(c[2].equals(last.claims[3]), "broken chain", "another issuer");
      need(c[12] < last.claims[12], "broken chain", "depth");
      need(!(last.claims[8] ?? []).some((v) => v[0] === 7n), "broken chain", "no-regrant");
    }
    links.push({ claims: c, envelope, id: sha256("hawser/link/v1", envelope.payload) });
  }
  for (const l of links) need(isStrictPoint(l.claims[2]) && isStrictPoint(l.claims[3]), "weak key", "a key");
  const accepts = links.map((l) => l.claims[11] ?? 0n);
  const least = (list) => list.reduce((a, b) => (a < b ? a : b));
  return {
    bytes,
    links,
    ids: links.map((l) => l.id),
    subject: links[0].claims[2],
    object: links[0].claims[5],
    holder: links.at(-1).claims[3],
    id: links.at(-1).id,
    expires: Number(least(links.map((l) => l.claims[10]))),
    accept: Number(least(accepts)),
    text: "hawser-grant:" + bytes.toString("base64url"),
  };
}

function within(grant, time) {
  for (const { claims } of grant.links) {
    need(!(9 in claims) || time + skew >= Number(claims[9]), "not yet", "a link");
    need(time - skew < Number(claims[10]), "expired", "a link");
  }
}

async function signatures(grant) {
  for (const l of grant.links) await verify(l.claims[2], l.envelope);
}

export async function verifyGrant(grant, now, revoked) {
  within(grant, now);
  for (const id of grant.ids) need(!revoked.some((r) => r.equals(id)), "revoked", "a link");
  await signatures(grant);
}

// permits reports whether a call is within all links. args is the encoding of a list.
export function permits(grant, { method, args, live, number, now, uses, asof }) {
  const list = strict(() => decode(args));
  const parts = raw(list);
  const holds = {
    1: (i, v) => i < list.length && parts[i].equals(v),
    2: (i, path) => {
      const prefix = segments(path);
      const arg = i < list.length ? segments(list[i]) : null;
      return arg !== null && prefix.every((s, n) => arg[n] === s);
    },
    3: (n) => uses !== undefined && BigInt(uses) < n,
    4: (from, to) => !live && number !== undefined && BigInt(number) >= from && BigInt(number) <= to,
    5: (n) => asof !== undefined && BigInt(now - asof) < n,
    6: () => live === true,
    7: () => true,
    8: (n) => BigInt(args.length) <= n,
  };
  for (const { claims } of grant.links) {
    need(!(7 in claims) || claims[7].includes(method), "beyond the grant", `method ${method}`);
    for (const [kind, ...rest] of claims[8] ?? []) need(holds[kind](...rest), "beyond the grant", `caveat ${kind}`);
  }
}

export async function checkPresentation(bytes, grant, binding, host) {
  const envelope = open(kinds.presentation, bytes);
  const c = fields(envelope.claims, { 1: version, 2: hash, 3: key, 4: hash, 5: (v) => isNumber(v, 0n, max64) }, {});
  need(c[2].equals(binding) && c[3].equals(host) && c[4].equals(grant.id), "meant for another", "presentation");
  await verify(grant.holder, envelope);
  return c[5];
}

export async function checkMessage(bytes, grant, host, now, revoked) {
  const envelope = open(kinds.message, bytes);
  const c = fields(
    envelope.claims,
    {
      1: version,
      2: key,
      3: hash,
      4: (v) => isNumber(v, 1n, max64),
      5: id16,
      6: isSeconds,
      7: isSeconds,
      8: id16,
      9: (v) => typeof v === "string" && Buffer.byteLength(v) <= 256,
      10: (v) => isBytes(v),
    },
    { 11: (v) => isBytes(v) && v.length >= 1 && v.length <= 1024 },
  );
  need(c[7] >= c[6], "malformed", "times");
  need(c[2].equals(host) && c[3].equals(grant.id) && c[8].equals(grant.object), "meant for another", "message");
  need(grant.accept > 0, "beyond the grant", "not by mail");
  need(Number(c[6]) <= now + skew, "not yet", "message");
  need(now - skew < Number(c[7]) && now - skew < grant.accept, "expired", "message");
  within(grant, Number(c[6]));
  for (const { claims } of grant.links) {
    need(!(7 in claims) || claims[7].includes(c[9]), "beyond the grant", "method");
    for (const [kind, from, to] of claims[8] ?? []) need(kind !== 6n && (kind !== 4n || (c[4] >= from && c[4] <= to)), "beyond the grant", "caveat");
  }
  for (const id of grant.ids) need(!revoked.some((r) => r.equals(id)), "revoked", "a link");
  await signatures(grant);
  await verify(grant.holder, envelope);
  return { number: c[4], method: c[9], args: c[10] };
}

function openNotice(kind, bytes) {
  need(bytes.length <= 8208, "malformed", "too long");
  const parts = strict(() => decode(bytes));
  need(Array.isArray(parts) && parts.length === 2 && parts.every((p) => isBytes(p)), "malformed", "no notice");
  return [open(kind, parts[0]), parse(parts[1])];
}

export async function checkRevocation(bytes) {
  const [envelope, witness] = openNotice(kinds.revocation, bytes);
  const number = (v) => isNumber(v, 1n, 1n << 53n);
  const isCut = (v) => v instanceof Map && v.size >= 1 && v.size <= 64 && [...v].every(([k, n]) => /^h:[0-9a-f]{64}$/.test(k) && isNumber(n, 0n, max64));
  const c = fields(
    envelope.claims,
    { 1: version, 2: key, 3: key, 4: hash, 5: number },
    { 6: hash, 7: isCut, 8: (v) => typeof v === "string" && v !== "" && Buffer.byteLength(v) <= 200 },
  );
  need((c[5] === 1n) === !(6 in c), "malformed", "the one before");
  need(c[4].equals(witness.id) && c[3].equals(witness.subject), "broken chain", "another witness");
  const may = [...witness.links.map((l) => l.claims[2]), witness.holder];
  need(may.some((k) => k.equals(c[2])), "broken chain", "no say");
  await signatures(witness);
  await verify(c[2], envelope);
  return { by: c[2], link: c[4], number: c[5] };
}

export async function checkHead(bytes, now) {
  const [envelope, witness] = openNotice(kinds.head, bytes);
  const c = fields(
    envelope.claims,
    { 1: version, 2: key, 3: key, 4: (v) => isNumber(v, 0n, 1n << 53n), 6: isSeconds, 7: hash },
    { 5: hash },
  );
  need((c[4] === 0n) === !(5 in c), "malformed", "the last one");
  need(c[2].equals(witness.links.at(-1).claims[2]) && c[3].equals(witness.subject), "broken chain", "another witness");
  need(Number(c[6]) <= now + skew, "not yet", "head");
  await signatures(witness);
  await verify(c[2], envelope);
  return { by: c[2], number: c[4], last: c[5], digest: c[7] };
}

// checkReceipt checks that a receipt is one of a notice, which is to be good itself.
export async function checkReceipt(bytes, notice) {
  const envelope = open(kinds.receipt, bytes);
  const c = fields(envelope.claims, { 1: version, 2: key, 3: hash, 4: hash, 5: isSeconds }, {});
  await verify(c[2], envelope);
  const [sealed, chain] = decode(notice);
  const witness = parse(chain);
  const names = [kinds.revocation, kinds.head].map((k) => {
    try {
      return sha256(k.aad, open(k, sealed).payload);
    } catch {
      return null;
    }
  });
  const same = c[2].equals(witness.subject) && c[3].equals(witness.id) && names.some((n) => n !== null && n.equals(c[4]));
  need(same, "meant for another", "receipt");
  return { link: c[3], asOf: c[5] };
}

export async function checkSnapshot(bytes, home, content) {
  const envelope = open(kinds.snapshot, bytes);
  const c = fields(envelope.claims, { 1: version, 2: id16, 3: (v) => isNumber(v, 1n, max64), 5: isSeconds, 6: hash }, { 4: hash });
  need((c[3] === 1n) === !(4 in c), "malformed", "the one before");
  await verify(home, envelope);
  return { id: sha256("hawser/snapshot/v1", envelope.payload), number: c[3], holds: c[6].equals(sha256(content)) };
}

const zero = Buffer.alloc(32);
const digestOf = (listing) => (listing.length === 1 ? zero : sha256("hawser/names/v1", listing));

// checkListing reads what there is at the place with a prefix and returns its digest.
export function checkListing(bytes, prefix) {
  need(bytes.length % 32 === 1 && bytes.length <= 1 + 32 * 1024, "malformed", "length");
  const list = [];
  for (let at = 1; at < bytes.length; at += 32) list.push(bytes.subarray(at, at + 32));
  if (bytes[0] === 1) {
    need(list.length === 256 && prefix.length < 32, "malformed", "parts");
  } else {
    need(bytes[0] === 0, "malformed", "sort");
    const inPlace = (name, i) => name.subarray(0, prefix.length).equals(prefix) && (i === 0 || Buffer.compare(list[i - 1], name) < 0);
    need(list.every(inPlace), "malformed", "names");
  }
  return digestOf(bytes);
}

// treeDigest returns the digest of the place with so many bytes in common, of names in ascending order.
export function treeDigest(names, depth = 0) {
  if (names.length <= 1024) return digestOf(Buffer.concat([Buffer.from([0]), ...names]));
  const parts = Array.from({ length: 256 }, () => []);
  for (const name of names) parts[name[depth]].push(name);
  return digestOf(Buffer.concat([Buffer.from([1]), ...parts.map((p) => treeDigest(p, depth + 1))]));
}

// numberedNames are SHA-256 of the numbers from 0, ascending.
export function numberedNames(n) {
  const names = [];
  for (let i = 0; i < n; i++) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(BigInt(i));
    names.push(sha256(number));
  }
  return names.sort(Buffer.compare);
}
