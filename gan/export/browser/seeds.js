// The style of a seed, as `styles` of gan/sampling.py draws it: NumPy's SeedSequence, PCG64 and ziggurat, bit by bit.
//
//     styleOfSeed(7, 100)    // what numpy.random.default_rng([12, 7, 1]).standard_normal(100, "float32") is

/** Of gan/seeding.py: what a stream is for. */
const STYLE = 12;

/** Of the style: the first of its seed. */
const NUMBER = 1;

const WORD = 2 ** 32;

/** How SeedSequence hashes a word: each call multiplies its constant. */
function hashing(constant, multiplier) {
  return (value) => {
    value ^= constant;
    constant = Math.imul(constant, multiplier);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
}

function mix(x, y) {
  const mixed = (Math.imul(x, 0xca01f9dd) - Math.imul(y, 0x4973f715)) | 0;
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** A whole number as words of 32 bits, the lowest first. */
function words(number) {
  return number < WORD ? [number] : [number % WORD, Math.floor(number / WORD)];
}

/** Four words of 64 bits from whole numbers: NumPy's SeedSequence. */
function seedSequence(numbers) {
  const entropy = numbers.flatMap(words);
  const hash = hashing(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: 4 }, (_, place) => hash(entropy[place] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const word of entropy.slice(4)) {
    for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(word));
  }
  const generate = hashing(0x8b51f9dd, 0x58f38ded);
  const state = Array.from({ length: 8 }, (_, place) => BigInt(generate(pool[place % 4])));
  return [0, 2, 4, 6].map((place) => state[place] | (state[place + 1] << 32n));
}

/** Words of 32 bits: PCG64, whose words of 64 are halved, the lower half first. */
function randomWords(numbers) {
  const multiplier = (2549297995355413924n << 64n) | 4865540595714422341n;
  const cut = (value, bits) => BigInt.asUintN(bits, value);
  const [high, low, incrementHigh, incrementLow] = seedSequence(numbers);
  const increment = cut((((incrementHigh << 64n) | incrementLow) << 1n) | 1n, 128);
  const step = (state) => cut(state * multiplier + increment, 128);
  let state = step(cut(increment + ((high << 64n) | low), 128));
  let half = null;
  return () => {
    if (half !== null) {
      const word = half;
      half = null;
      return word;
    }
    state = step(state);
    const folded = cut((state >> 64n) ^ state, 64);
    const turn = state >> 122n;
    const word = cut((folded >> turn) | (folded << (64n - turn)), 64);
    half = Number(word >> 32n);
    return Number(cut(word, 32));
  };
}

/** Where the lowest of 256 layers under the bell curve ends, and the area of each. */
const EDGE = 3.6541528853610088;
const AREA = 0.00492867323399;

/** Numbers in a layer: those of 23 bits. */
const LAYER = 2 ** 23;

const LAYERS = layers();

/** For each layer: its width per number, up to which number it is all below the curve, and the curve's height. */
function layers() {
  const height = (x) => Math.exp(-0.5 * x * x);
  const widths = [AREA / height(EDGE)];
  widths[255] = EDGE;
  for (let place = 254; place > 0; place--) {
    const outer = widths[place + 1];
    widths[place] = Math.sqrt(-2 * Math.log(AREA / outer + height(outer)));
  }
  return widths.map((width, place) => ({
    scale: Math.fround(width / LAYER),
    within: place === 1 ? 0 : Math.floor((place === 0 ? EDGE / width : widths[place - 1] / width) * LAYER),
    height: Math.fround(place === 0 ? 1 : height(width)),
  }));
}

/** Numbers of the normal distribution: the ziggurat of Marsaglia and Tsang, in single precision. */
function normals(next) {
  const fraction = () => Math.fround((next() >>> 8) / 2 ** 24);
  return () => {
    for (;;) {
      const word = next();
      const place = word & 0xff;
      const number = (word >>> 9) & (LAYER - 1);
      const { scale, within, height } = LAYERS[place];
      const x = Math.fround((word & 0x100 ? -number : number) * scale);
      if (number < within) return x;
      if (place === 0) {
        for (;;) {
          const beyond = -Math.log1p(-fraction()) / Math.fround(EDGE);
          const drop = -Math.log1p(-fraction());
          if (2 * drop > beyond * beyond) return Math.fround((number & 0x100 ? -1 : 1) * (EDGE + beyond));
        }
      }
      const above = LAYERS[place - 1].height;
      if ((above - height) * fraction() + height < Math.exp(-0.5 * x * x)) return x;
    }
  };
}

/** A style vector of this length. */
export function styleOfSeed(seed, length) {
  const normal = normals(randomWords([STYLE, seed, NUMBER]));
  return Array.from({ length }, normal);
}
