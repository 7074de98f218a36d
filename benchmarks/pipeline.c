/* The arithmetic of the signal stage in C: what a detection core could cost at the least.
 *
 * In: blocks of 3-axis samples in time order. Out: for each 50 ms frame of the absolute grid the features of
 * edge_agent/detect/signal.py (mean vector, its length, roughness, smallest and largest length, spread), and the mean
 * square of each axis behind four biquads. State is carried from block to block; a frame is given out when the next one
 * begins. No rules, no doors, no position. Built at run time: cc -O2 -shared -fPIC.
 */
#include <math.h>
#include <stdint.h>

enum { FRAME_NS = 50000000, FRAME_SAMPLES = 512, AXES = 3, SECTIONS = 4 };

struct features {
    int64_t index, count;
    double length_of_mean, mean[AXES], roughness, low, high, spread, filtered[AXES];
};

struct state {
    double coefficients[SECTIONS][5]; /* b0 b1 b2 a1 a2 */
    double delays[AXES][SECTIONS][2];
    int64_t index, count;             /* of the open frame */
    double samples[FRAME_SAMPLES][AXES];
    double squares[AXES];
};

static void close_frame(struct state *s, struct features *f) {
    double sums[AXES] = {0}, lows[AXES], highs[AXES], lengths[FRAME_SAMPLES], total = 0, off = 0;
    f->low = INFINITY;
    f->high = -INFINITY;
    for (int a = 0; a < AXES; a++) lows[a] = highs[a] = s->samples[0][a];
    for (int64_t i = 0; i < s->count; i++) {
        double square = 0;
        for (int a = 0; a < AXES; a++) {
            double x = s->samples[i][a];
            sums[a] += x;
            square += x * x;
            if (x < lows[a]) lows[a] = x;
            if (x > highs[a]) highs[a] = x;
        }
        double length = sqrt(square);
        lengths[i] = length;
        total += length;
        if (length < f->low) f->low = length;
        if (length > f->high) f->high = length;
    }
    double middle = total / s->count, square = 0;
    for (int64_t i = 0; i < s->count; i++) off += (lengths[i] - middle) * (lengths[i] - middle);
    f->roughness = sqrt(off / s->count);
    f->spread = 0;
    for (int a = 0; a < AXES; a++) {
        f->mean[a] = sums[a] / s->count;
        square += f->mean[a] * f->mean[a];
        if (highs[a] - lows[a] > f->spread) f->spread = highs[a] - lows[a];
        f->filtered[a] = s->squares[a] / s->count;
        s->squares[a] = 0;
    }
    f->length_of_mean = sqrt(square);
    f->index = s->index;
    f->count = s->count;
    s->count = 0;
}

/* Returns how many frames were written to `out`, which has room for one a sample. */
int64_t feed(struct state *s, const int64_t *times_ns, const double *samples, int64_t n, struct features *out) {
    int64_t written = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t index = times_ns[i] / FRAME_NS;
        if (s->count > 0 && (index != s->index || s->count == FRAME_SAMPLES)) close_frame(s, &out[written++]);
        s->index = index;
        for (int a = 0; a < AXES; a++) {
            double x = s->samples[s->count][a] = samples[i * AXES + a];
            for (int k = 0; k < SECTIONS; k++) {
                const double *c = s->coefficients[k];
                double *z = s->delays[a][k], y = c[0] * x + z[0];
                z[0] = c[1] * x - c[3] * y + z[1];
                z[1] = c[2] * x - c[4] * y;
                x = y;
            }
            s->squares[a] += x * x;
        }
        s->count++;
    }
    return written;
}
