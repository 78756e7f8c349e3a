// Random styles and noise offsets as PyTorch draws them, so that a seed gives the same picture here and there.

/**
 * The generator of `torch.Generator().manual_seed(seed)` on the CPU: 32-bit MT19937.
 * @param {number} seed
 * @returns {() => number}
 */
function generator(seed) {
  const state = new Uint32Array(624);
  state[0] = seed % 2 ** 32;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let at = 624;
  return () => {
    if (at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

/**
 * What the library draws for a seed: `Appearance.draw` in semsynth/hub/appearance.py. Styles of fewer than 16 numbers,
 * which PyTorch draws in another way, are others.
 * @param {number} seed
 * @param {number} styleDim
 * @param {number} noisePeriod
 * @returns {{style: Float32Array, noise: [number, number]}}
 */
export function appearance(seed, styleDim, noisePeriod) {
  const next = generator(seed);
  const uniform = () => Math.fround((next() & 0xffffff) * 2 ** -24);
  const style = new Float32Array(Math.max(16, styleDim)).map(uniform);
  /** Pairs of uniform numbers to pairs of normal ones, 16 at a time (Box and Muller). @param {number} from */
  const normal = (from) => {
    for (let i = from; i < from + 8; i++) {
      const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - style[i])), 2 * Math.PI * style[i + 8]];
      [style[i], style[i + 8]] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    }
  };
  for (let i = 0; i + 16 <= style.length; i += 16) normal(i);
  if (style.length % 16) {
    const from = style.length - 16; // the last 16 are drawn anew
    for (let i = from; i < style.length; i++) style[i] = uniform();
    normal(from);
  }
  const offset = () => (noisePeriod ? next() % noisePeriod : 0);
  return { style: style.slice(0, styleDim), noise: [offset(), offset()] };
}
