// The checking page: says whether a pasted message is genuine. Runs on the device alone, in any browser that has BigInt; where the
// browser can check Ed25519 itself, it does, else the arithmetic of RFC 8032 below does. docs/FORMAT.md, section 17, is what it follows.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const encoder = new TextEncoder();
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const UNSEEN = /[\t-\r >\u0085\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]/gu;
const HEAD = 205;
const seen = new Set();
let latest = "";

// --- bytes -------------------------------------------------------------------------------------------------------------

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
const number = (bytes) => BigInt("0x" + (hex(bytes) || "0"));
const little = (bytes) => number(Uint8Array.from(bytes).reverse());
const same = (one, other) => hex(one) === hex(other);
const bytesOf = (text) => encoder.encode(text);

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function inBytes(value, size) {
  return unhex(value.toString(16).padStart(size * 2, "0"));
}

function lp(...parts) {
  return join(...parts.flatMap((part) => [inBytes(part.length, 4), part]));
}

// --- SHA-2 (FIPS 180-4), of 32 or 64 bits a word; its constants are the fractions of roots of primes ------------------------

function root(value, power) {
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / Number(power)));
  for (;;) {
    const next = ((power - 1n) * guess + value / guess ** (power - 1n)) / power;
    if (next >= guess) return guess;
    guess = next;
  }
}

const PRIMES = [];
for (let n = 2; PRIMES.length < 80; n++) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const CUBES = PRIMES.map((prime) => root(BigInt(prime) << 192n, 3n) & ((1n << 64n) - 1n));
const SQUARES = PRIMES.slice(0, 8).map((prime) => root(BigInt(prime) << 128n, 2n) & ((1n << 64n) - 1n));

function sha2(message, bits) {
  const [turns, rounds] = bits === 32n
    ? [[[7n, 18n, 3n], [17n, 19n, 10n], [6n, 11n, 25n], [2n, 13n, 22n]], 64]
    : [[[1n, 8n, 7n], [19n, 61n, 6n], [14n, 18n, 41n], [28n, 34n, 39n]], 80];
  const mask = (1n << bits) - 1n;
  const word = Number(bits / 8n);
  const turn = (x, n) => (x >> n) | ((x << (bits - n)) & mask);
  const mix = (x, [a, b, c]) => turn(x, a) ^ turn(x, b) ^ turn(x, c);
  const spread = (x, [a, b, c]) => turn(x, a) ^ turn(x, b) ^ (x >> c);
  const block = word * 16;
  const gap = block - ((message.length + 1 + word * 2) % block || block);
  const padded = join(message, [0x80], new Uint8Array(gap), inBytes(BigInt(message.length) * 8n, word * 2));
  const state = SQUARES.map((value) => value >> (64n - bits));
  for (let at = 0; at < padded.length; at += block) {
    const w = [];
    for (let i = 0; i < rounds; i++) {
      w.push(i < 16
        ? number(padded.subarray(at + i * word, at + (i + 1) * word))
        : (spread(w[i - 2], turns[1]) + w[i - 7] + spread(w[i - 15], turns[0]) + w[i - 16]) & mask);
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < rounds; i++) {
      const one = (h + mix(e, turns[2]) + ((e & f) ^ (~e & mask & g)) + (CUBES[i] >> (64n - bits)) + w[i]) & mask;
      const two = (mix(a, turns[3]) + ((a & b) ^ (a & c) ^ (b & c))) & mask;
      [a, b, c, d, e, f, g, h] = [(one + two) & mask, a, b, c, (d + one) & mask, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => { state[i] = (state[i] + value) & mask; });
  }
  return join(...state.map((value) => inBytes(value, word)));
}

const sha256 = (bytes) => sha2(bytes, 32n);

// --- Ed25519 (RFC 8032) ------------------------------------------------------------------------------------------------

const P = (1n << 255n) - 19n;
const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;
const mod = (value) => ((value % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let square = mod(base); exponent; exponent >>= 1n, square = mod(square * square)) {
    if (exponent & 1n) result = mod(result * square);
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const NOTHING = [0n, 1n, 1n, 0n];

function point(bytes) {
  const y = little(bytes) & ((1n << 255n) - 1n);
  const odd = BigInt(bytes[31] >> 7);
  if (y >= P) return null;
  const square = mod((y * y - 1n) * power(D * y * y + 1n, P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  if (mod(x * x) !== square || (x === 0n && odd)) return null;
  if ((x & 1n) !== odd) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * D * t1 * t2);
  const d = mod(2n * z1 * z2);
  return [mod((b - a) * (d - c)), mod((d + c) * (b + a)), mod((d - c) * (d + c)), mod((b - a) * (b + a))];
}

function times(scalar, base) {
  let result = NOTHING;
  for (let doubled = base; scalar; scalar >>= 1n, doubled = add(doubled, doubled)) {
    if (scalar & 1n) result = add(result, doubled);
  }
  return result;
}

function verifyHere(key, signature, message) {
  const [r, s] = [signature.subarray(0, 32), little(signature.subarray(32))];
  const holder = point(key);
  if (!holder || s >= ORDER) return false;
  const k = little(sha2(join(r, key, message), 64n)) % ORDER;
  const base = point(inBytes(mod(4n * power(5n, P - 2n)), 32).reverse());
  const [x, y, z] = add(times(s, base), times(k, [mod(-holder[0]), holder[1], 1n, mod(-holder[3])]));
  const inverse = power(z, P - 2n);
  const found = inBytes(mod(y * inverse), 32).reverse();
  found[31] |= Number(mod(x * inverse) & 1n) << 7;
  return same(found, r);
}

async function verify(key, signature, message) {
  let own;
  try {
    own = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return verifyHere(key, signature, message); // an older browser, or a page opened in a way that it trusts less
  }
  return crypto.subtle.verify({ name: "Ed25519" }, own, signature, message);
}

// --- the message -------------------------------------------------------------------------------------------------------

const canonical = (text) => text.normalize("NFC").replace(UNSEEN, "");
const digestOf = (bare) => sha256(join(bytesOf("ga1/text\0"), bytesOf(bare)));

function decoded(letters) {
  const plain = letters.replace(/[\u2010-\u2015-]/g, "").toUpperCase().replace(/[IL]/g, "1").replace(/O/g, "0");
  let bits = 0;
  let held = 0;
  const bytes = [];
  for (const letter of plain) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return null;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push(held >> bits);
      held &= (1 << bits) - 1;
    }
  }
  return bits < 5 && !held ? Uint8Array.from(bytes) : null;
}

function blockOf(letters) {
  const whole = letters.length <= 4000 ? decoded(letters) : null;
  if (!whole || whole.length < HEAD + 11 || whole[0] !== 1) return null;
  const body = whole.subarray(0, -3);
  if (!same(sha256(join(bytesOf("ga1/block"), lp(body))).subarray(0, 3), whole.subarray(-3))) return null;
  const sizes = [1, 32, 16, 16, 32, 8, 32, 4, 64];
  let at = 0;
  const cut = (size) => body.subarray(at, (at += size));
  const [, archive, campaign, salt, address, expires, digest, signs, signature] = sizes.map(cut);
  const parts = [];
  while (at < body.length && parts.length < 2) parts.push(cut(Number(number(cut(4)))));
  if (at !== body.length || parts.length !== 2) return null;
  const [step, link] = parts;
  const tag = sha256(lp(archive, campaign, address, link, expires, step, digest));
  return { salt, address, expires: number(expires), digest, signs: Number(number(signs)), signature,
    link: new TextDecoder().decode(link), tag };
}

function addressHash(salt, typed) {
  const bare = canonical(typed);
  const lower = bare.toLowerCase();
  const [kind, value] = /^\+?[0-9 ()./-]{5,}$/.test(bare)
    ? ["phone", bare.replace(/[^0-9]/g, "").slice(-9)]
    : [...lower].indexOf("@", 1) > 0 ? ["mail", lower] : ["handle", lower.replace(/^@/, "")];
  return sha256(join(bytesOf("ga1/address\0"), lp(salt, bytesOf(kind), bytesOf(value))));
}

async function check(text, typed, now) {
  const bare = text.length <= 100000 ? canonical(text) : "";
  if (!bare.toLowerCase().includes("[check:")) return { verdict: "none" };
  const found = /\[check:(.*?):check\]/is.exec(bare);
  const block = found && blockOf(found[1]);
  if (!block) return { verdict: "incomplete" };
  const before = bare.slice(0, found.index);
  const after = bare.slice(found.index + found[0].length);
  const signs = [...before];
  const inner = signs.slice(-block.signs).join("");
  const whole = same(digestOf(before), block.digest);
  const inside = block.signs > 0 && block.signs < signs.length && same(digestOf(inner), block.digest);
  const own = typed.trim();
  const genuine = await verify(unhex(data.key), block.signature, join(bytesOf("ga1/message\0"), block.tag));
  let verdict = own ? "genuine" : "unaddressed";
  if (!genuine) verdict = "key";
  else if (own && !same(addressHash(block.salt, own), block.address)) verdict = "recipient";
  else if (BigInt(now) >= block.expires) verdict = "expired";
  else if (!before.includes(block.link)) verdict = "altered_link";
  else if (!whole && !inside) verdict = "altered";
  else if (after || inside) verdict = "more";
  else if (seen.has(hex(block.tag)) && latest !== hex(block.tag)) verdict = "again";
  if (verdict === "genuine") seen.add((latest = hex(block.tag))); // pressing the button twice is no second use
  return { verdict, link: verdict === "genuine" ? block.link : "" };
}

// --- the page ----------------------------------------------------------------------------------------------------------

const at = (id) => document.getElementById(id);
const LOOKS = { genuine: "yes", unaddressed: "half", again: "half" };
let shown = null;

function speak(language) {
  const words = data.languages[language];
  document.documentElement.lang = language;
  document.title = words.title;
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = words[place.dataset.say];
  if (shown) show(shown);
}

function show(result) {
  shown = result;
  const words = data.languages[at("language").value];
  at("verdict").textContent = words[result.verdict];
  at("result").className = "card " + (LOOKS[result.verdict] || "no");
  at("result").dataset.verdict = result.verdict;
  at("signed").textContent = result.link || "";
  at("signed-part").hidden = !result.link;
  at("result").hidden = false;
}

async function pressed() {
  at("result").hidden = true;
  let result;
  try {
    result = await check(at("message").value, at("address").value, Date.now());
  } catch {
    result = { verdict: "unable" };
  }
  show(result);
  at("result").scrollIntoView({ block: "nearest" });
}

for (const [code, words] of Object.entries(data.languages)) at("language").add(new Option(words.name, code));
const wanted = (navigator.languages || []).map((one) => one.slice(0, 2)).find((one) => one in data.languages);
at("language").value = wanted || data.first;
at("language").addEventListener("change", () => speak(at("language").value));
at("button").addEventListener("click", pressed);
for (const field of ["message", "address"]) at(field).addEventListener("input", () => { at("result").hidden = true; });
speak(at("language").value);
at("form").hidden = false;
at("unable").hidden = true; // stays where a browser understands none of this, or runs no scripts
