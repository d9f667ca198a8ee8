/* Walks over the entries of a mapping, reports unknown and repeated names, and reads fields by their table. */
#include "config/entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"

enum { MOST_ENTRIES = 1000 }; /* of a mapping: each is compared with those before it */

/* The first key of the section that word begins with; NULL: it is no section. */
static const struct nl_key *first_of_section(const char *word, size_t length)
{
    for (int i = 0; i < nl_key_count; i++)
        if (strlen(nl_keys[i].section) == length && !strncmp(word, nl_keys[i].section, length))
            return &nl_keys[i];
    return NULL;
}

void nl_report_unknown(struct nl_loader *loader, const struct nl_origin *at, const char *shown, const char *near)
{
    struct nl_error hint = {{0}};
    size_t length = strcspn(shown, ".");
    const struct nl_key *first = first_of_section(shown, length);
    if (first && !shown[length])
        nl_fail(&hint, "'%s' is a section: name a key of it, as '%s'", shown, first->name);
    else if (nl_key_answer(shown))
        nl_fail(&hint, "%s", nl_key_answer(shown));
    else if (near)
        nl_fail(&hint, "did you mean '%s'?", near);
    else if (strstr(shown, "<<"))
        nl_fail(&hint, "YAML's merge keys are not read: 'base: FILE' at the top takes over the values of another file");
    else if (first)
        nl_fail(&hint, "normlab keys %s lists what there is", first->section);
    else if (!strncmp(shown, "sweep.", 6) || !strncmp(shown, "claim.", 6))
        nl_fail(&hint, "normlab keys %.5s lists what there is", shown);
    else
        nl_fail(&hint, "normlab keys lists all there are");
    nl_diagnose(loader->diagnostics, at, hint.text, "unknown key '%.80s'", shown);
}

void nl_each_entry(struct nl_loader *loader, const struct nl_node *map, const char *what, nl_entry *entry,
                   void *context)
{
    if (map->kind != NL_MAPPING) {
        const struct nl_key *first = first_of_section(what, strlen(what));
        struct nl_error hint;
        if (first && map->kind == NL_SCALAR)
            nl_fail(&hint, "its keys stand in braces, or indented below it: %s: {%s: %s}", what,
                    first->name + strlen(what) + 1, first->default_text);
        else
            nl_fail(&hint, "write 'key: value', with a space after the colon");
        nl_diagnose(loader->diagnostics, &map->at, hint.text, "%s must be a mapping of keys to values", what);
        return;
    }
    if (map->count > MOST_ENTRIES) {
        nl_diagnose(loader->diagnostics, &map->at, NULL, "%s has %d keys, more than there are", what, map->count);
        return;
    }
    for (int i = 0; i < map->count; i++) {
        const struct nl_node *name = map->item[2 * i];
        if (name->kind != NL_SCALAR || name->blank) {
            nl_diagnose(loader->diagnostics, &name->at, NULL, "a key must be a plain word");
            continue;
        }
        const struct nl_node *first = NULL;
        for (int j = 0; j < i && !first; j++)
            if (map->item[2 * j]->kind == NL_SCALAR && !strcmp(map->item[2 * j]->text, name->text))
                first = map->item[2 * j];
        if (first) {
            struct nl_error hint;
            nl_fail(&hint, "it is first on line %d", first->at.line);
            nl_diagnose(loader->diagnostics, &name->at, hint.text, "duplicate key '%.80s'", name->text);
            continue;
        }
        entry(loader, name, map->item[2 * i + 1], context);
    }
}

void nl_read_field(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, const char *field,
                   const char *path, const struct nl_field *fields, void *into)
{
    const char *names[32] = {NULL};
    int count = 0;
    for (const struct nl_field *row = fields; row->name; row++) {
        if (!strcmp(field, row->name)) {
            row->read(loader, row, value, (char *)into + row->offset);
            return;
        }
        names[count++] = row->name;
    }
    const char *near = nl_nearest(field, names);
    char *full = nl_format("%s.%s", path, field), *full_near = near ? nl_format("%s.%s", path, near) : NULL;
    nl_report_unknown(loader, &name->at, full, full_near);
    free(full);
    free(full_near);
}

struct fields_reading {
    const char *path;
    const struct nl_field *fields;
    void *into;
};

static void read_entry(struct nl_loader *loader, const struct nl_node *name, const struct nl_node *value, void *context)
{
    struct fields_reading *reading = context;
    nl_read_field(loader, name, value, name->text, reading->path, reading->fields, reading->into);
}

void nl_read_fields(struct nl_loader *loader, const struct nl_node *map, const char *what, const char *path,
                    const struct nl_field *fields, void *into)
{
    struct fields_reading reading = {path, fields, into};
    nl_each_entry(loader, map, what, read_entry, &reading);
}
