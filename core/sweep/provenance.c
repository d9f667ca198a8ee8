/* The `made:` section of experiment.yaml: what a reader needs to judge, or to repeat, the numbers beside it. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/memory.h"
#include "sweep/store.h"

#ifndef NORMLAB_COMMIT
#define NORMLAB_COMMIT "unknown" /* a build from a source archive */
#endif

/* A double-quoted YAML scalar. */
static void add(struct nl_text *out, const char *name, const char *value)
{
    nl_text_add(out, "  %s: \"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            nl_text_add(out, "\\%c", *value);
        else if ((unsigned char)*value < 0x20)
            nl_text_add(out, "\\x%02x", *value);
        else
            nl_text_add(out, "%c", *value);
    }
    nl_text_add(out, "\"\n");
}

/* The first "model name" of /proc/cpuinfo, or the machine's architecture where there is none. */
static void add_processor(struct nl_text *out, const struct utsname *system)
{
    char line[512], model[512] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && !model[0] && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", strlen("model name")) == 0 && strstr(line, ": ")) {
            line[strcspn(line, "\n")] = '\0';
            strcpy(model, strstr(line, ": ") + 2);
        }
    if (file)
        fclose(file);
    add(out, "processor", model[0] ? model : system->machine);
}

char *nl_provenance_text(const struct nl_datasets *datasets, const char *command)
{
    struct nl_text out = {0};
    struct utsname system;
    uname(&system);
    nl_text_add(&out, "made:\n");
    add(&out, "version", NORMLAB_VERSION);
    add(&out, "commit", NORMLAB_COMMIT);
    nl_text_add(&out, "  numerics: %d\n", NL_NUMERICS_VERSION);
    add(&out, "compiler", __VERSION__);
    add(&out, "blas", openblas_get_config());
    add(&out, "blas_core", openblas_get_corename());
    add_processor(&out, &system);
    char *machine = nl_format("%s %s %s", system.sysname, system.release, system.machine);
    add(&out, "machine", machine);
    free(machine);
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    add(&out, "date", date);
    add(&out, "command", command);
    for (int i = 0; i < datasets->count; i++) {
        const struct nl_dataset *dataset = datasets->at[i].dataset;
        char *name = nl_format("data_%d", i + 1), *value = nl_format("%s sha256 %s", dataset->name, dataset->checksum);
        add(&out, name, value);
        free(name);
        free(value);
    }
    return out.at;
}
