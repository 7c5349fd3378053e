// The rows of the table that JavaScript's Math has under no name, or gives fewer digits: by the row's name.
const {exp, expm1, log, log1p, log2, log10, sqrt, sin, cos, tan, sinh, cosh, tanh, hypot, abs, floor, ceil, PI} = Math;
const arcsin = Math.asin, arccos = Math.acos, arctan = Math.atan, arctan2 = Math.atan2;
const power = (a, b) => a === 1 || b === 0 ? 1 : Math.abs(a) === 1 && !Number.isFinite(b) && b === b ? 1 : Math.pow(a, b); // as IEEE 754 has it
const sigmoid = z => { const e = exp(-abs(z)); return (z >= 0 ? 1 : e) / (1 + e); };
const softplus = z => Math.max(z, 0) + log1p(exp(-abs(z)));
const sech = a => 2 * exp(-abs(a)) / (1 + exp(-2 * abs(a)));
const logcosh = a => abs(a) < 0.9 ? log1p(2 * sinh(a / 2) ** 2) : abs(a) + (log1p(exp(-2 * abs(a))) - Math.LN2);
const direction = (a, b) => a === 0 && b === 0 ? 0 : a / hypot(a, b);
const logaddexp = (a, b) => a === b ? a + Math.LN2 : Math.max(a, b) + softplus(-abs(a - b));
const xlogy = (a, b) => a === 0 && b === b ? 0 : a * log(b);
const xlog1py = (a, b) => a === 0 && b === b ? 0 : a * log1p(b);
const relu = a => Math.max(a, 0);
const maximum = Math.max, minimum = Math.min;
const clip = (a, low, high) => Math.min(Math.max(a, low), high);
const sign = Math.sign;
const where = (condition, a, b) => condition ? a : b;
const round = a => { // halves to the even one
  const r = Math.round(a);
  return abs(a % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
};
function erf(a) { // Kummer's series, whose terms are all of one sign (Abramowitz & Stegun 7.1.6); beyond, 1 − erfc
  if (abs(a) > 2.5) return sign(a) * (1 - erfc(abs(a)));
  let term = a, sum = a;
  for (let n = 1; abs(term) > 1e-18 * abs(sum); n++) sum += term *= 2 * a * a / (2 * n + 1);
  return 2 / sqrt(PI) * exp(-a * a) * sum;
}
function erfc(a) { // the continued fraction, from its end (Abramowitz & Stegun 7.1.14)
  if (!(a > 2)) return 1 - erf(a);
  if (a === Infinity) return 0;
  let f = a;
  for (let n = 120; n > 0; n--) f = a + n / 2 / f;
  const high = Math.round(a * 64) / 64; // a² in two parts: exp would magnify what its square rounds away
  return exp(-high * high) * exp(-(a - high) * (a + high)) / f / sqrt(PI);
}
const tailMean = x => { // MEAN and SERIES are polynomials: see normal.py
  const t = (x - 3.5) / (x + 3.5);
  return MEAN.reduceRight((sum, c) => sum * t + c) / (x + 2);
};
const beyond = x => x + tailMean(Math.min(x, 2 ** 300)), density = x => exp(-0.5 * x * x) / sqrt(2 * PI);
const log_ndtr = z => {
  const x = abs(z);
  return z <= 0 ? -0.5 * x * x - log(sqrt(2 * PI) * beyond(x)) : log1p(-density(x) / beyond(x));
};
const below = x => x < 1 ? 0.5 + x * SERIES.reduceRight((sum, c) => sum * x * x + c) : 1 - density(x) / beyond(x);
const isOrder = n => n >= 0 && n < ORDERS && n === floor(n);
function inverse_mills(n, z) {
  if (!isOrder(n)) return NaN;
  const x = Math.min(abs(z), 2 ** 300), ratio = z <= 0 ? beyond(abs(z)) : density(x) / below(x);
  if (n === 0) return ratio;
  if (n === 1) return -(z <= 0 ? beyond(x) * tailMean(x) : ratio * (x + ratio));
  if (z < 0.75) return cumulant(n + 1, z);
  return byLeibniz(n, ratio, x + ratio, (slope, m) => slope + (m === 0));
}
function cumulant(n, z) {
  const at = Math.max(z, -1.7e308), scale = 1 / (1 + Math.max(-at, 0)), s = [], p = [];
  for (let u = -4; u < 4.8; u += 1 / 16) {
    s.push(exp(u - exp(-u)));
    const t = scale * s[s.length - 1];
    p.push(t * (1 + exp(-u)) * exp(at * t - 0.5 * t * t));
  }
  const mean = f => s.reduce((sum, v, k) => sum + p[k] * f(v), 0) / p.reduce((sum, v) => sum + v, 0);
  const center = mean(v => v), found = [];
  for (let m = 0; m <= n; m++) {
    let sum = mean(v => (v - center) ** m), choose = m - 1;
    for (let k = 2; k < m - 1; choose *= (m - k) / k++) sum -= choose * found[k] * mean(v => (v - center) ** (m - k));
    found.push(sum);
  }
  return found[n] * scale ** n;
}
const log_gumbel = z => { // RATE is a series: see gumbel.py
  const u = exp(z);
  return z > 0 ? log1p(-exp(-u)) : z - u / 2 + RATE.reduceRight((sum, c, k) => (sum + c / (2 * k + 2)) * u * u, 0);
};
function gumbel_rate(n, z) {
  if (!isOrder(n)) return NaN;
  const u = Math.min(exp(z), 800);
  if (z <= 0) return (n === 0 ? 1 : 0) - u / 2 + RATE.reduceRight((sum, c, k) => (sum + c * (2 * k + 2) ** n) * u * u, 0);
  const half = exp(-u / 2), over = u / -expm1(-u);
  return half * (byLeibniz(n, 1, half * over * half + (u - 1), slope => half * (slope * over) * half + u) * over) * half;
}
function byLeibniz(n, first, second, next) { // the derivative number n of f, from f′ = −f·g; `next` tells those of g from f's
  const f = [first], g = [second];
  for (let m = 0; m < n; m++) {
    let sum = 0, choose = 1;
    for (let k = 0; k <= m; choose *= (m - k) / ++k) sum -= choose * f[k] * g[m - k];
    f.push(sum);
    g.push(next(sum, m));
  }
  return f[n];
}
const BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330];
const pole = a => a <= 0 && a === floor(a);
function lgamma(a) { // Stirling's series, from 12 on
  if (abs(a) === Infinity || pole(a)) return Infinity;
  if (a < 0) return log(PI) - log(abs(sin(PI * (a % 2)))) - lgamma(1 - a);
  let product = 1;
  while (a < 12) product *= a++;
  let sum = (a - 0.5) * log(a) - a + log(2 * PI) / 2;
  for (let k = 0; k < 8; k++) sum += BERNOULLI[k] / ((2 * k + 2) * (2 * k + 1) * a ** (2 * k + 1));
  return sum - log(product);
}
function digamma(a) {
  if (pole(a)) return a === 0 ? -Infinity * Math.sign(1 / a) : NaN;
  if (a < 0) return digamma(1 - a) - PI / tan(PI * (a % 1));
  let sum = 0;
  while (a < 12) sum -= 1 / a++;
  sum += log(a) - 0.5 / a;
  for (let k = 0; k < 9; k++) sum -= BERNOULLI[k] / ((2 * k + 2) * a ** (2 * k + 2));
  return sum;
}
function polygamma(n, a) {
  if (n === 0) return digamma(a);
  if (pole(a)) return n % 2 ? Infinity : -Infinity;
  let factorial = 1, sum = 0;
  for (let k = 2; k <= n; k++) factorial *= k;
  const odd = n % 2 ? 1 : -1;
  for (; a < 20 + n; a++) sum += factorial / a ** (n + 1);
  sum += factorial / n / a ** n + factorial / 2 / a ** (n + 1);
  let rising = factorial * (n + 1) / 2; // (2k + n − 1)!/(2k)! for k = 1
  for (let k = 0; k < 10; k++) {
    sum += BERNOULLI[k] * rising / a ** (2 * k + 2 + n);
    rising *= (2 * k + n + 2) * (2 * k + n + 3) / ((2 * k + 3) * (2 * k + 4));
  }
  return odd * sum;
}
