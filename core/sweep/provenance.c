/* Writes and reads the section `made` of experiment.yaml: version, machine, compiler, data, command line. */
#include "sweep/provenance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/cpu/openblas.h"
#include "base/batch.h"
#include "base/cgroup.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "config/keep.h"
#include "config/yaml.h"
#include "train/train.h"

#ifndef NORMLAB_COMMIT
#define NORMLAB_COMMIT "unknown" /* a build from a source archive */
#endif

const char *nl_commit(void)
{
    return NORMLAB_COMMIT;
}

/* A double-quoted YAML scalar. Bytes that YAML cannot hold (a command line may have any) become \xNN. */
static void add(struct nl_text *out, const char *name, const char *value)
{
    nl_text_add(out, "  %s: \"", name);
    for (size_t bytes; *value; value += bytes) {
        bytes = nl_character_bytes(value);
        if (*value == '"' || *value == '\\')
            nl_text_add(out, "\\%c", *value);
        else
            nl_text_add_character(out, value, bytes);
    }
    nl_text_add(out, "\"\n");
}

/* The first "model name" of /proc/cpuinfo, or the machine's architecture where there is none, with what is in the way
 * of reading it. */
static void add_processor(struct nl_text *out, const struct utsname *system)
{
    char line[512], model[512] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        snprintf(model, sizeof model, "%s; its name cannot be read: %s", system->machine, strerror(errno));
    while (file && !model[0] && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", strlen("model name")) == 0 && strstr(line, ": ")) {
            line[strcspn(line, "\n")] = '\0';
            strcpy(model, strstr(line, ": ") + 2);
        }
    if (file)
        fclose(file);
    add(out, "processor", model[0] ? model : system->machine);
}

/* What was read, one by one: data_1, data_2, ..., weights_1, ..., each with what it was. Both are new strings. */
static bool describe(const struct nl_datasets *datasets, int i, char **name, char **value)
{
    int file = i - datasets->count;
    if (i < datasets->count) {
        *name = nl_format("data_%d", i + 1);
        *value = nl_format("%s sha256 %s", datasets->at[i].dataset->name, datasets->at[i].dataset->checksum);
    } else if (file < datasets->weights.count) {
        *name = nl_format("weights_%d", file + 1);
        *value = nl_format("sha256 %s", datasets->weights.at[file].file->checksum);
    } else {
        return false;
    }
    return true;
}

/* The program and the machine that it runs on. blas: NULL where no product asks for one. */
static void add_program(struct nl_text *out, const struct nl_openblas *blas)
{
    struct utsname system;
    uname(&system);
    add(out, "version", NORMLAB_VERSION);
    add(out, "commit", NORMLAB_COMMIT);
    nl_text_add(out, "  numerics: %d\n", NL_NUMERICS_VERSION);
    add(out, "compiler", __VERSION__);
    if (blas) {
        add(out, "blas", blas->openblas_get_config());
        add(out, "blas_core", blas->openblas_get_corename());
    }
    add_processor(out, &system);
    char *machine = nl_format("%s %s %s", system.sysname, system.release, system.machine);
    add(out, "machine", machine);
    free(machine);
}

/* A backend, and its devices: device_0, device_1, ..., or why there is none. */
static void add_backend(struct nl_text *out, enum nl_device_kind kind)
{
    const struct nl_backend *backend = nl_backend_of(kind);
    struct nl_error err;
    char text[512];
    nl_text_add(out, "%s:\n", nl_device_names[kind]);
    add(out, "is", backend ? backend->help : "not built into this program");
    if (!backend || !backend->describe)
        return;
    int count = backend->devices ? backend->devices(&err) : 1;
    if (count == 0)
        add(out, "devices", err.text);
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "device_%d", i);
        backend->describe(i, text, sizeof text);
        add(out, name, text);
    }
}

/* What this process may use, and which file of a control group, or variable of a batch system, says so; without them it
 * is the machine that ends it. */
static void add_limits(struct nl_text *out)
{
    struct nl_group_limits groups = nl_group_limits_read("");
    struct nl_batch_limits batch = nl_batch_limits_read();
    char bytes[32];
    nl_text_add(out, "limits:\n  cores: %d\n", nl_cores());
    if (groups.cores.file) {
        nl_text_add(out, "  cores_quota: %g\n", groups.cores.value);
        add(out, "cores_quota_from", groups.cores.file);
    }
    if (batch.cores.from)
        nl_text_add(out, "  cores_given: %g\n  cores_given_from: %s\n", batch.cores.value, batch.cores.from);
    add(out, "memory", nl_bytes_text(nl_memory_total(), bytes));
    add(out, "memory_free", nl_bytes_text(nl_memory_available(), bytes));
    if (groups.memory.file) {
        add(out, "memory_limit", nl_bytes_text(groups.memory.value, bytes));
        add(out, "memory_limit_from", groups.memory.file);
    }
    if (batch.memory.from) {
        add(out, "memory_given", nl_bytes_text(batch.memory.value, bytes));
        nl_text_add(out, "  memory_given_from: %s\n", batch.memory.from);
    }
    nl_group_limits_release(&groups);
}

char *nl_program_text(void)
{
    struct nl_text out = {0};
    struct nl_error err;
    const struct nl_openblas *blas = nl_openblas(&err);
    nl_text_add(&out, "normlab:\n");
    add_program(&out, blas);
    if (!blas)
        add(&out, "blas", err.text);
    add_limits(&out);
    for (enum nl_device_kind kind = NL_CPU; kind <= NL_CUDA; kind++)
        add_backend(&out, kind);
    return out.at;
}

static char *build_text(const char *version, const char *commit)
{
    return nl_format("%s, %s\n", version, commit);
}

/* A line, unless it is there or is this program's. */
static void add_build(struct nl_text *earlier, char *line)
{
    char *here = build_text(NORMLAB_VERSION, NORMLAB_COMMIT);
    if (strcmp(line, here) != 0 && !(earlier->at && strstr(earlier->at, line)))
        nl_text_add(earlier, "%s", line);
    free(here);
    free(line);
}

void nl_provenance_earlier(const struct nl_provenance *made, struct nl_text *earlier)
{
    if (strtol(nl_provenance_get(made, "numerics"), NULL, 10) != NL_NUMERICS_VERSION)
        return;
    for (int i = 0; i < made->count; i++)
        if (strncmp(made->name[i], "earlier_", strlen("earlier_")) == 0)
            add_build(earlier, nl_format("%s\n", made->value[i]));
    add_build(earlier, build_text(nl_provenance_get(made, "version"), nl_provenance_get(made, "commit")));
}

char *nl_provenance_builds(const struct nl_provenance *made)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s, %s", nl_provenance_get(made, "version"), nl_provenance_get(made, "commit"));
    for (int i = 0; i < made->count; i++)
        if (strncmp(made->name[i], "earlier_", strlen("earlier_")) == 0)
            nl_text_add(&out, "; %s", made->value[i]);
    return out.at;
}

/* Each line as kind_1, kind_2, ... */
static void add_lines(struct nl_text *out, const char *kind, const struct nl_text *lines)
{
    const char *line = lines->at;
    for (int i = 1; line && *line; i++) {
        size_t length = strcspn(line, "\n");
        char *name = nl_format("%s_%d", kind, i), *value = nl_format("%.*s", (int)length, line);
        add(out, name, value);
        free(name);
        free(value);
        line += length + 1;
    }
}

char *nl_provenance_text(const struct nl_datasets *datasets, const char *command, const char *claim,
                         const struct nl_text *earlier, const struct nl_text *taken)
{
    struct nl_text out = {0};
    nl_text_add(&out, "made:\n");
    add_program(&out, nl_openblas_loaded());
    add_lines(&out, "earlier", earlier);
    add_lines(&out, "taken", taken);
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    add(&out, "date", date);
    add(&out, "command", command);
    if (*claim)
        add(&out, "claim_sha256", claim);
    char *name, *value;
    for (int i = 0; describe(datasets, i, &name, &value); i++) {
        add(&out, name, value);
        free(name);
        free(value);
    }
    return out.at;
}

int nl_provenance_read(const char *path, struct nl_provenance *out, struct nl_diagnostics *diagnostics)
{
    struct nl_node *root;
    *out = (struct nl_provenance){0};
    if (nl_yaml_read(path, NULL, &root, diagnostics))
        return NL_FAIL;
    const struct nl_node *made = nl_yaml_entry(root, "made");
    if (!made || made->kind != NL_MAPPING)
        return NL_OK;
    out->name = nl_keep(nl_alloc((size_t)made->count, sizeof *out->name));
    out->value = nl_keep(nl_alloc((size_t)made->count, sizeof *out->value));
    for (int i = 0; i < made->count; i++)
        if (made->item[2 * i]->kind == NL_SCALAR && made->item[2 * i + 1]->kind == NL_SCALAR) {
            out->name[out->count] = made->item[2 * i]->text;
            out->value[out->count++] = made->item[2 * i + 1]->text;
        }
    return NL_OK;
}

const char *nl_provenance_get(const struct nl_provenance *provenance, const char *name)
{
    for (int i = 0; i < provenance->count; i++)
        if (strcmp(provenance->name[i], name) == 0)
            return provenance->value[i];
    return "";
}

int nl_provenance_check(const struct nl_provenance *provenance, const struct nl_datasets *datasets, const char *folder,
                        struct nl_error *err)
{
    const char *numerics = nl_provenance_get(provenance, "numerics");
    if (strtol(numerics, NULL, 10) != NL_NUMERICS_VERSION)
        return nl_fail(
            err,
            "'%s' was made by another version of normlab (numerics %s, here %d): its trials are not those of this one",
            folder, *numerics ? numerics : "unknown", NL_NUMERICS_VERSION);
    int status = NL_OK;
    char *name, *here;
    for (int i = 0; status == NL_OK && describe(datasets, i, &name, &here); i++) {
        const char *there = nl_provenance_get(provenance, name);
        if (strcmp(there, here) != 0)
            status = nl_fail(err, "'%s' was made from other %s (%s; here: %s)", folder,
                             i < datasets->count ? "data" : "weights", *there ? there : "unknown", here);
        free(name);
        free(here);
    }
    return status;
}
