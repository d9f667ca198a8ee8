/* norm.kind: custom, that is its sets and the normalizer that they make with norm.center and norm.scale; and what auto
 * stands for. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/formula.h"
#include "norm/norm.h"

static const char whole[] = "channels", divided[] = "channels/";

/* A word of the list; false: it is none. */
static bool read_word(const char *word, struct nl_norm_setup *setup, bool *height, bool *width)
{
    char *end = "";
    long groups = 1;
    if (strncmp(word, divided, strlen(divided)) == 0)
        groups = strtol(word + strlen(divided), &end, 10);
    else if (strcmp(word, "samples") == 0)
        return setup->over_samples = true;
    else if (strcmp(word, "height") == 0)
        return *height = true;
    else if (strcmp(word, "width") == 0)
        return *width = true;
    else if (strcmp(word, whole) != 0)
        return false;
    setup->channel_groups = (int)groups;
    return !*end && groups >= 1 && groups <= 8192;
}

int nl_norm_sets_read(const struct nl_name_list *sets, struct nl_norm_setup *setup, struct nl_error *err)
{
    bool height = false, width = false;
    setup->over_samples = setup->over_positions = false;
    setup->channel_groups = 0;
    for (int i = 0; i < sets->count; i++)
        if (!read_word(sets->at[i], setup, &height, &width))
            return nl_fail(err,
                           "'norm.sets' cannot have '%s': it lists samples, height, width and channels, or channels/8 "
                           "for 8 groups of channels",
                           sets->at[i]);
    if (height != width)
        return nl_fail(err, "'norm.sets' has %s without %s: they go together", height ? "height" : "width",
                       height ? "width" : "height");
    if (sets->count == 0)
        return nl_fail(err, "'norm.sets' is empty: a set of one number has no spread");
    setup->over_positions = height;
    return NL_OK;
}

const struct nl_norm *nl_norm_of_kind(const struct nl_config *config, int kind)
{
    struct nl_norm_setup setup = {0};
    struct nl_error err;
    const struct nl_norm *norm = NULL;
    if (kind == NL_NORM_custom && nl_norm_sets_read(&config->norm.sets, &setup, &err) == NL_OK)
        norm =
            nl_norm_by_parts((enum nl_norm_center)config->norm.center, (enum nl_norm_scale)config->norm.scale, &setup);
    if (kind == NL_NORM_formula)
        norm = nl_formula_norm_of(config);
    return norm ? norm : nl_norms[kind];
}

const char *nl_norm_label(const struct nl_config *config, const char *kind)
{
    bool named = strcmp(kind, nl_norm_formula.name) == 0 && *config->norm.name;
    return named ? config->norm.name : nl_norm_find(kind)->label;
}

const struct nl_norm *nl_norm_of(const struct nl_config *config)
{
    return nl_norm_of_kind(config, config->norm.kind);
}

int nl_norm_history(const struct nl_config *config, const struct nl_norm *norm)
{
    int usual = norm->uses & NL_USES_WINDOW ? 3 : 16;
    return config->norm.history == NL_AUTO ? usual : (int)config->norm.history;
}

int nl_norm_iterations(const struct nl_config *config, int usual)
{
    return config->norm.iterations == NL_AUTO ? usual : (int)config->norm.iterations;
}
