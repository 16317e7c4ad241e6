"use strict";
// A trained generator in the browser: latents by seed, and its forward pass. `browser.py` writes
// MODEL (what there is in which order) and the weights, one float32 array.

// Counter-based random numbers, as pgpipe/rng.py has them: SplitMix64, Box and Muller.

const MASK = (1n << 64n) - 1n;
const GOLDEN = 0x9E3779B97F4A7C15n;

function mix(x) {
  x = ((x ^ (x >> 30n)) * 0xBF58476D1CE4E5B9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94D049BB133111EBn) & MASK;
  return x ^ (x >> 31n);
}

// `stream` is the CRC-32 of its name; the step is 0.
function hashes(seed, stream, count) {
  const key = mix(mix((mix(seed & MASK) + BigInt(stream)) & MASK));
  return Array.from({length: count}, (_, n) => mix((key + BigInt(n + 1) * GOLDEN) & MASK));
}

function latentOf(model, seed) {
  if (model.latents === "uniform") {
    const bits = hashes(seed, model.streams.latent, model.latent_size);
    return Float32Array.from(bits, x => Number(x >> 40n) * 2 ** -23 - 1);
  }
  const half = Math.ceil(model.latent_size / 2), z = new Float32Array(2 * half);
  hashes(seed, model.streams.latent, half).forEach((bits, n) => {
    const radius = Math.sqrt(-2 * Math.log((Number(bits >> 32n) + 0.5) * 2 ** -32));
    const angle = Number(bits & 0xFFFFFFFFn) * (2 ** -32 * 2 * Math.PI);
    z[n] = radius * Math.cos(angle);
    z[half + n] = radius * Math.sin(angle);
  });
  return z.slice(0, model.latent_size);
}

function labelOf(model, seed) {
  const [bits] = hashes(seed, model.streams.label, 1);
  return Number(((bits >> 32n) * BigInt(model.classes)) >> 32n);
}

function oneHot(model, label) {
  const shares = new Float32Array(model.classes);
  if (model.classes) shares[label] = 1;
  return shares;
}

// Layers. A batch is an array of images, each [C, H, W] in one Float32Array; sums are in double.

function normalised(x, maps) {  // pixel norm
  const pixels = x.length / maps;
  for (let p = 0; p < pixels; p++) {
    let sum = 0;
    for (let i = p; i < x.length; i += pixels) sum += x[i] * x[i];
    const factor = 1 / Math.sqrt(sum / maps + 1e-8);
    for (let i = p; i < x.length; i += pixels) x[i] *= factor;
  }
  return x;
}

function responded(x, maps) {  // local response normalisation, over five feature maps
  const pixels = x.length / maps, squares = x.map(value => value * value);
  for (let i = 0; i < x.length; i++) {
    let sum = 0;
    for (let k = -2; k <= 2; k++) {
      const j = i + k * pixels;
      if (j >= 0 && j < x.length) sum += squares[j];
    }
    x[i] *= (2 + 1e-4 * sum) ** -0.75;
  }
  return x;
}

function padded(x, maps, size, border) {
  const wide = size + 2 * border, out = new Float32Array(maps * wide * wide);
  for (let c = 0; c < maps; c++) {
    for (let y = 0; y < size; y++) {
      const from = (c * size + y) * size;
      out.set(x.subarray(from, from + size), (c * wide + y + border) * wide + border);
    }
  }
  return out;
}

// sums[i] += sum over n of weights[n] * input[offsets[n] + i], eight n at a time, over a picture in
// rows as wide as the padded input's: what is beyond a row's end is not looked at.
function correlate(sums, input, offsets, weights) {
  for (let n = 0; n < offsets.length; n += 8) {
    const w0 = weights[n], w1 = weights[n + 1], w2 = weights[n + 2], w3 = weights[n + 3];
    const w4 = weights[n + 4], w5 = weights[n + 5], w6 = weights[n + 6], w7 = weights[n + 7];
    const n0 = offsets[n], n1 = offsets[n + 1], n2 = offsets[n + 2], n3 = offsets[n + 3];
    const n4 = offsets[n + 4], n5 = offsets[n + 5], n6 = offsets[n + 6], n7 = offsets[n + 7];
    for (let i = 0; i < sums.length; i++) {
      sums[i] += w0 * input[n0 + i] + w1 * input[n1 + i] + w2 * input[n2 + i] + w3 * input[n3 + i]
        + w4 * input[n4 + i] + w5 * input[n5 + i] + w6 * input[n6 + i] + w7 * input[n7 + i];
    }
  }
}

// A kernel's taps as offsets and, per feature map, weights; both filled up to a multiple of eight.
function taps(maps, found) {
  const count = Math.ceil(found.length / 8) * 8, offsets = new Int32Array(count);
  found.forEach((tap, n) => { offsets[n] = tap.offset; });
  const weights = Array.from({length: maps}, (_, k) => {
    const values = new Float32Array(count);
    found.forEach((tap, n) => { values[n] = tap.weight(k); });
    return values;
  });
  return {offsets, weights};
}

function dense(layer, weight) {  // weight [K, C]
  const {maps_in: C, maps: K} = layer;
  return x => Float32Array.from({length: K}, (_, k) => {
    let sum = 0;
    for (let c = 0; c < C; c++) sum += weight[k * C + c] * x[c];
    return sum;
  });
}

function convolution(layer, size, weight) {  // weight [K, C, k, k]
  const {maps_in: C, maps: K, kernel} = layer, border = kernel >> 1, wide = size + 2 * border;
  const found = [];
  for (let c = 0; c < C; c++) {
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const at = (c * kernel + i) * kernel + j;
        found.push({
          offset: (c * wide + i) * wide + j, weight: k => weight[k * C * kernel ** 2 + at],
        });
      }
    }
  }
  const {offsets, weights} = taps(K, found);
  return x => {
    const input = padded(x, C, size, border), out = new Float32Array(K * size * size);
    const sums = new Float64Array((size - 1) * wide + size);
    for (let k = 0; k < K; k++) {
      sums.fill(0);
      correlate(sums, input, offsets, weights[k]);
      for (let y = 0; y < size; y++) {
        out.set(sums.subarray(y * wide, y * wide + size), (k * size + y) * size);
      }
    }
    return out;
  };
}

// Stride 2: each of four interleaved pictures is a convolution of its own. weight [C, K, k, k]
function transposed(layer, size, weight, kernel, padding) {
  const {maps_in: C, maps: K} = layer, wide = size + 2, phases = [];
  for (let p = 0; p < 4; p++) {
    const found = [];
    for (let c = 0; c < C; c++) {
      for (let i = ((p >> 1) + padding) % 2; i < kernel; i += 2) {
        for (let j = ((p & 1) + padding) % 2; j < kernel; j += 2) {
          const y = ((p >> 1) + padding - i) / 2 + 1, x = ((p & 1) + padding - j) / 2 + 1;
          found.push({
            offset: (c * wide + y) * wide + x,
            weight: k => weight[((c * K + k) * kernel + i) * kernel + j],
          });
        }
      }
    }
    phases.push(taps(K, found));
  }
  return x => {
    const input = padded(x, C, size, 1), out = new Float32Array(K * 4 * size * size);
    const sums = new Float64Array((size - 1) * wide + size);
    for (let k = 0; k < K; k++) {
      phases.forEach(({offsets, weights}, p) => {
        sums.fill(0);
        correlate(sums, input, offsets, weights[k]);
        for (let y = 0; y < size; y++) {
          const to = ((k * size + y) * 2 + (p >> 1)) * 2 * size + (p & 1);
          for (let x = 0; x < size; x++) out[to + 2 * x] = sums[y * wide + x];
        }
      });
    }
    return out;
  };
}

// Nearest upsampling and a 3x3 convolution are one transposed one, of its kernel's 2x2 box sums.
function boxed(layer, weight) {
  const planes = layer.maps_in * layer.maps, out = new Float32Array(planes * 16);
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const w = weight[p * 9 + i * 3 + j], at = p * 16 + i * 4 + j;
        for (const shift of [0, 1, 4, 5]) out[at + shift] += w;
      }
    }
  }
  return out;
}

function first(layer, weight) {  // latent -> 4x4; weight [C, K, 4, 4]
  const {maps_in: C, maps: K} = layer;
  return z => {
    const sums = new Float64Array(16 * K);
    for (let c = 0; c < C; c++) {
      for (let n = 0; n < 16 * K; n++) sums[n] += z[c] * weight[c * 16 * K + n];
    }
    return Float32Array.from(sums);
  };
}

// After a layer: batch norm over all images of the batch, if it has one; bias; activation.
function finish(batch, layer, bias, gain, slope) {
  const pixels = batch[0].length / layer.maps, count = batch.length * pixels;
  for (let k = 0; k < layer.maps; k++) {
    let mean = 0, factor = 1;
    if (gain) {
      let square = 0;
      for (const x of batch) for (let p = 0; p < pixels; p++) mean += x[k * pixels + p];
      mean /= count;
      for (const x of batch) {
        for (let p = 0; p < pixels; p++) square += (x[k * pixels + p] - mean) ** 2;
      }
      factor = gain[k] / Math.sqrt(square / count + 1e-4);
    }
    for (const x of batch) {
      for (let i = k * pixels; i < (k + 1) * pixels; i++) {
        const value = (x[i] - mean) * factor + bias[bias.length > layer.maps ? i : k];
        x[i] = value < 0 ? value * slope : value;
      }
    }
  }
}

// The numbers of a text in base64, little-endian as every browser's machine is.
function decoded(text) {
  const characters = atob(text), bytes = new Uint8Array(characters.length);
  for (let n = 0; n < bytes.length; n++) bytes[n] = characters.charCodeAt(n);
  return new Float32Array(bytes.buffer);
}

class Network {
  constructor(model, weights) {
    this.model = model;
    let size = 4, at = 0;
    const take = count => weights.subarray(at, at += count);
    this.layers = model.layers.map(layer => {
      const {kind, maps_in: C, maps: K, kernel} = layer;
      const weight = take(C * K * kernel ** 2), bias = take(layer.biases);
      const gain = layer.norm && take(K);
      const linear = {
        first: () => first(layer, weight),
        dense: () => dense(layer, weight),
        same: () => convolution(layer, size, weight),
        up: () => transposed(layer, size, boxed(layer, weight), 4, 1),
        transposed: () => transposed(layer, size, weight, kernel, 2),
      }[kind]();
      if (kind === "up" || kind === "transposed") size *= 2;
      return {layer, linear, bias, gain};
    });
    this.company = Array.from({length: model.company}, (_, n) => this.joined(
      latentOf(model, BigInt(n)), oneHot(model, n % model.classes)));
  }

  joined(z, shares) {
    const norm = this.model.latent_norm;
    z = Float32Array.from(z);
    if (norm === "latent") normalised(z, z.length);
    const all = new Float32Array(z.length + shares.length);
    all.set(z);
    all.set(shares, z.length);
    return norm === "joined" ? normalised(all, all.length) : all;
  }

  // The image of a latent and shares of the classes: RGBA, row by row.
  draw(z, shares) {
    let batch = [this.joined(z, shares), ...this.company.map(x => x.slice())];
    for (const {layer, linear, bias, gain} of this.layers) {
      batch = batch.map(linear);
      finish(batch, layer, bias, gain, layer.slope);
      const after = {pixel: normalised, response: responded}[layer.norm_after];
      if (after) batch.forEach(x => after(x, layer.maps));
    }
    return this.pixels(batch[0]);
  }

  pixels(image) {
    const {channels, tanh} = this.model, count = image.length / channels;
    const out = new Uint8ClampedArray(4 * count).fill(255);
    for (let p = 0; p < count; p++) {
      for (let c = 0; c < 3; c++) {
        const value = image[(channels === 1 ? 0 : c) * count + p];
        out[4 * p + c] = (tanh ? Math.tanh(value) : value) * 127.5 + 127.5;
      }
    }
    return out;
  }
}
