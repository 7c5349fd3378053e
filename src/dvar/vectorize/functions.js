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
