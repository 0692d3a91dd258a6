// SPDX-License-Identifier: GPL-2.0-only
/*
 * How far two sets of runs are apart, and how sure that is: Welch's interval on logarithms, so
 * that +10 % and -10 % weigh the same. The unit is a run, never a request: statistics over the
 * requests of one run call 44 % of identical pairs different. Pure; called by compare.c.
 */
#include <mmsperf/compare.h>

#include <math.h>

#define CONFIDENCE 0.95
/*
 * Runs that happen to agree to the last digit (file descriptors, whole milliseconds) say nothing
 * about how they would vary: a spread below 0.2 % is taken for 0.2 %.
 */
#define LEAST_SD   0.002

/* Continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), f;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	f = d;
	for (int m = 1; m < 300; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), delta;

		d = 1 + even * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + even / c;
		c = fabs(c) < tiny ? tiny : c;
		f *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + odd / c;
		c = fabs(c) < tiny ? tiny : c;
		delta = d * c;
		f *= delta;
		if (fabs(delta - 1) < 1e-14)
			break;
	}
	return f;
}

/* Regularised incomplete beta function I_x(a, b). */
static double beta_inc(double a, double b, double x)
{
	double front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* Two-sided quantile of Student's t: P(|T| > t) = 1 - CONFIDENCE. df >= 1, so t is below 13. */
static double t_quantile(double df)
{
	double low = 0, high = 13;

	for (int i = 0; i < 60; i++) {
		double t = (low + high) / 2;

		if (beta_inc(df / 2, 0.5, df / (df + t * t)) > 1 - CONFIDENCE)
			low = t;
		else
			high = t;
	}
	return (low + high) / 2;
}

/* Mean and variance of logarithms; false: a value has none. */
static bool log_moments(const double *v, size_t n, double *ret_mean, double *ret_var)
{
	double mean = 0, var = 0;

	for (size_t i = 0; i < n; i++) {
		if (!(v[i] > 0) || !isfinite(v[i]))
			return false;
		mean += log(v[i]) / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		var += (log(v[i]) - mean) * (log(v[i]) - mean);
	*ret_mean = mean;
	*ret_var = n > 1 ? fmax(var / (double)(n - 1), LEAST_SD * LEAST_SD) : NAN;
	return n > 0;
}

bool mp_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b, double *ret_ratio,
		       double *ret_low, double *ret_high)
{
	double mean_a, mean_b, var_a, var_b, qa, qb, df, half;

	if (n_a + n_b < 3 || !n_a || !n_b)
		return false;
	if (!log_moments(a, n_a, &mean_a, &var_a) || !log_moments(b, n_b, &mean_b, &var_b))
		return false;
	if (n_a == 1 || n_b == 1) {
		/* the single run is taken for one more of the other side's kind */
		double var = n_a == 1 ? var_b : var_a;

		df = (double)(n_a + n_b - 2);
		half = sqrt(var * (1.0 / (double)n_a + 1.0 / (double)n_b));
	} else {
		qa = var_a / (double)n_a;
		qb = var_b / (double)n_b;
		df = (qa + qb) * (qa + qb) /
		     (qa * qa / (double)(n_a - 1) + qb * qb / (double)(n_b - 1));
		half = sqrt(qa + qb);
	}
	half *= t_quantile(fmax(df, 1));
	*ret_ratio = exp(mean_b - mean_a);
	*ret_low = exp(mean_b - mean_a - half);
	*ret_high = exp(mean_b - mean_a + half);
	return true;
}

double mp_diff_percent(double a, double b)
{
	if (!isfinite(a) || !isfinite(b))
		return NAN;
	if (a == b)
		return 0;
	if (a + b == 0)
		return NAN;
	return fabs(b - a) / (fabs(a + b) / 2) * 100;
}
