#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

extern char **environ;

static int cannot(const struct bench *b, int error, const char *what) {
    jobd_error why = {.code = JOBD_E_SYS, .sys_errno = error};
    snprintf(why.message, sizeof(why.message), "cannot %s: %s", what, strerror(error));
    return ctl_fail(b->ctl, &why, NULL);
}

// What it draws goes to its standard output. 0 | an errno.
static int start(struct bench_plot *p, int in, int out) {
    char name[] = "gnuplot", from_stdin[] = "-";
    char *const argv[] = {name, from_stdin, NULL};
    posix_spawn_file_actions_t actions;
    int e = posix_spawn_file_actions_init(&actions);
    if (e)
        return e;
    e = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!e)
        e = posix_spawnp(&p->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static int no_gnuplot(const struct bench *b, int error) {
    if (error != ENOENT)
        return cannot(b, error, "start gnuplot");
    jobd_error why = {.code = JOBD_E_SYS,
                      .sys_errno = error,
                      .message = "there is no gnuplot to draw --plot with"};
    return ctl_fail(b->ctl, &why, "install the package gnuplot-nox, or take the numbers of --json");
}

int bench_plot_begin(struct bench_plot *p, const struct bench *b) {
    int ends[2];
    *p = (struct bench_plot){.fd = -1};
    if (!b->plot)
        return CTL_DONE;
    int file = open(b->plot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) {
        char what[256];
        int e = errno;
        snprintf(what, sizeof(what), "write the chart %.200s", b->plot);
        return cannot(b, e, what);
    }
    int e = pipe2(ends, O_CLOEXEC) ? errno : 0;
    if (!e) {
        e = start(p, ends[0], file);
        close(ends[0]);
        p->fd = ends[1];
    }
    close(file);
    if (!e)
        return CTL_DONE;
    if (p->fd >= 0)
        close(p->fd);
    p->pid = 0;
    unlink(b->plot);
    return no_gnuplot(b, e);
}

// In gnuplot's single quotes nothing is special but the quote itself.
static void quote(FILE *out, const char *text) {
    putc('\'', out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("''", out);
        else
            putc((unsigned char)*text < ' ' ? ' ' : *text, out);
    putc('\'', out);
}

static bool same_series(const struct bench_case *c, const struct bench_case *d) {
    return c->backend == d->backend && c->kernel == d->kernel;
}

static bool begins_series(const struct bench *b, size_t i) {
    return i == 0 || !same_series(&b->cases[i - 1], &b->cases[i]);
}

// A block of data for each line: parts, median and standard deviation in milliseconds.
static void write_data(FILE *out, const struct bench *b) {
    for (size_t i = 0; i < b->n_cases; i++) {
        const struct bench_case *c = &b->cases[i];
        if (begins_series(b, i))
            fprintf(out, "$data%zu << END\n", i);
        fprintf(out, "%llu %.9g %.9g\n", (unsigned long long)c->n_parts, c->median_s * 1e3,
                c->sd_s * 1e3);
        if (i + 1 == b->n_cases || begins_series(b, i + 1))
            fputs("END\n", out);
    }
}

static void write_script(FILE *out, const struct bench *b) {
    char title[400], name[32];
    snprintf(title, sizeof(title), "%.300s: %llu steps, %llu rounds", b->in.function,
             (unsigned long long)b->in.n_steps, (unsigned long long)b->n_rounds);
    write_data(out, b);
    fputs("set terminal svg size 800,500 noenhanced background 'white'\nset title ", out);
    quote(out, title);
    fputs("\nset xlabel 'parts'\nset ylabel 'median and standard deviation, ms'\n"
          "set logscale x 2\nset yrange [0:*]\nset xrange [0.8:*]\nset grid\n"
          "set key outside right top\nplot ",
          out);
    for (size_t i = 0; i < b->n_cases; i++)
        if (begins_series(b, i)) {
            fprintf(out, "%s$data%zu using 1:2:3 with yerrorlines title ", i ? ", " : "", i);
            quote(out, bench_series_name(&b->cases[i], name));
        }
    putc('\n', out);
}

int bench_plot_end(struct bench_plot *p, const struct bench *b) {
    if (p->pid == 0)
        return CTL_DONE;
    FILE *out = fdopen(p->fd, "w");
    if (out && b)
        write_script(out, b);
    bool written = out && fclose(out) == 0;
    if (!out)
        close(p->fd);
    int status = 0;
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR) {
    }
    p->pid = 0;
    if (!b || (written && WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return CTL_DONE;
    jobd_error why = {.code = JOBD_E_SYS};
    snprintf(why.message, sizeof(why.message), "gnuplot could not draw %.200s", b->plot);
    return ctl_fail(b->ctl, &why, "see what it says above, or take the numbers of --json");
}
