// Finding a command by its name.
#include <string.h>

#include "ctl.h"
#include "suggest.h"

enum { COMMANDS_MAX = 32 };

static int unknown_command(const struct ctl *ctl, const char *group,
                           const struct ctl_command *commands, size_t n, const char *name) {
    const char *names[COMMANDS_MAX];
    JD_ASSERT(n <= COMMANDS_MAX);
    for (size_t i = 0; i < n; i++)
        names[i] = commands[i].name;
    const char *close = jd_suggest((jobd_bytes){name, strlen(name)}, names, n);
    char hint[80];
    if (close)
        snprintf(hint, sizeof(hint), "did you mean \"%s %s\"?", group, close);
    else
        snprintf(hint, sizeof(hint), "\"%s --help\" lists the commands", group);
    return ctl_exit_of(ctl_misuse(ctl, hint, "there is no command \"%.64s\"", name));
}

int ctl_run_command(struct ctl *ctl, const char *group, const struct ctl_command *commands,
                    size_t n, char **argv) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(argv[0], commands[i].name) == 0) {
            char title[48];
            snprintf(title, sizeof(title), "%s %s", group, argv[0]);
            argv[0] = title;
            return commands[i].run(ctl, argv);
        }
    return unknown_command(ctl, group, commands, n, argv[0]);
}
