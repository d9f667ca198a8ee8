#include "config/entries.h"

#include <string.h>

void nl_report_unknown(struct nl_loader *loader, const struct nl_origin *at, const char *shown, const char *near)
{
    struct nl_error hint = {{0}};
    if (near)
        nl_fail(&hint, "did you mean '%s'?", near);
    nl_diagnose(loader->diagnostics, at, hint.text, "unknown key '%.80s'", shown);
}

void nl_each_entry(struct nl_loader *loader, const struct nl_node *map, const char *what, nl_entry *entry, void *context)
{
    if (map->kind != NL_MAPPING) {
        nl_diagnose(loader->diagnostics, &map->at, "write 'key: value', with a blank behind the colon",
                    "%s must be a mapping of keys to values", what);
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
