// Reads the vectors of sturdyref/grant and says with how many of them this implementation agrees:
//
//   npm ci --ignore-scripts && node verify.mjs ../vectors.json

import { readFileSync } from "node:fs";
import {
  checkHead,
  checkListing,
  checkMessage,
  checkPresentation,
  checkReceipt,
  checkRevocation,
  checkSnapshot,
  numberedNames,
  parse,
  permits,
  Refused,
  treeDigest,
  verifyGrant,
} from "./grant.mjs";

const hex = (text) => Buffer.from(text ?? "", "hex");
const same = (what, got, want) => {
  if (String(got) !== String(want)) throw new Error(`${what} is ${got}, expected ${want}`);
};

async function read(v) {
  const revoked = (v.revoked ?? []).map(hex);
  switch (v.kind) {
    case "grant": {
      const g = parse(hex(v.bytes));
      await verifyGrant(g, v.now, revoked);
      return () => {
        same("ids", g.ids.map((id) => id.toString("hex")), v.ids);
        same("text", g.text, v.text);
        same("expires", g.expires, v.expires);
        same("accept", g.accept, v.accept ?? 0);
      };
    }
    case "call":
      permits(parse(hex(v.grant)), { ...v, args: hex(v.args) });
      return () => {};
    case "presentation": {
      const n = await checkPresentation(hex(v.bytes), parse(hex(v.grant)), hex(v.binding), hex(v.host));
      return () => same("counter", n, v.number);
    }
    case "message": {
      const m = await checkMessage(hex(v.bytes), parse(hex(v.grant)), hex(v.host), v.now, revoked);
      return () => {
        same("number", m.number, v.number);
        same("method", m.method, v.method);
        same("arguments", m.args.toString("hex"), v.args);
      };
    }
    case "revocation": {
      const r = await checkRevocation(hex(v.bytes));
      return () => {
        same("signer", r.by.toString("hex"), v.by);
        same("link", r.link.toString("hex"), v.ids);
        same("number", r.number, v.number);
      };
    }
    case "head": {
      const h = await checkHead(hex(v.bytes), v.now);
      return () => {
        same("signer", h.by.toString("hex"), v.by);
        same("number", h.number, v.number);
        same("digest", h.digest.toString("hex"), v.digest);
      };
    }
    case "receipt": {
      const r = await checkReceipt(hex(v.bytes), hex(v.notice));
      return () => {
        same("link", r.link.toString("hex"), v.ids);
        same("as of", r.asOf, v.asof);
      };
    }
    case "listing": {
      const digest = checkListing(hex(v.bytes), hex(v.prefix));
      return () => same("digest", digest.toString("hex"), v.digest);
    }
    case "tree":
      return () => same("digest", treeDigest(numberedNames(v.number ?? 0)).toString("hex"), v.digest);
    case "snapshot": {
      const s = await checkSnapshot(hex(v.bytes), hex(v.host), hex(v.content));
      return () => {
        same("id", s.id.toString("hex"), v.ids);
        same("version", s.number, v.number);
        same("content", s.holds, true);
      };
    }
  }
  throw new Error(`a vector of kind ${v.kind}`);
}

const { vectors } = JSON.parse(readFileSync(process.argv[2], "utf8"));
let agree = 0;
for (const v of vectors) {
  try {
    let reason = "";
    let check = () => {};
    try {
      check = await read(v);
    } catch (err) {
      if (!(err instanceof Refused)) throw err;
      reason = err.reason;
    }
    same("the reason of refusal", reason, v.refused ?? "");
    check();
    agree++;
  } catch (err) {
    console.log(`${v.kind}, ${v.name}: ${err.message}`);
  }
}
console.log(`${agree} of ${vectors.length} vectors agree`);
process.exitCode = agree === vectors.length ? 0 : 1;
