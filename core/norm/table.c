/* The tables of normalizers, and the sets that several of them have. */
#include <string.h>

#include "base/error.h"
#include "norm/norm.h"
#include "norm/weights.h"

const struct nl_norm *const nl_norms[] = {
#define NORM(kind) &nl_norm_##kind,
#include "norm/norms.def"
    NULL,
};

const char *const nl_norm_names[] = {
#define NORM(kind) #kind,
#include "norm/norms.def"
    NULL,
};

const struct nl_weight_norm *const nl_weight_norms[] = {
    NULL,
#define WEIGHT_NORM(kind) &nl_weight_norm_##kind,
#include "norm/weights.def"
};

const char *const nl_weight_norm_names[] = {
    "none",
#define WEIGHT_NORM(kind) #kind,
#include "norm/weights.def"
    NULL,
};

const struct nl_norm *nl_norm_find(const char *name)
{
    for (int i = 0; nl_norms[i]; i++)
        if (strcmp(nl_norms[i]->name, name) == 0)
            return nl_norms[i];
    return NULL;
}

struct nl_partition nl_sets_of_batch(const struct nl_norm_setup *setup)
{
    int slice = setup->stat_batch > 0 && setup->stat_batch < setup->samples ? setup->stat_batch : setup->samples;
    return (struct nl_partition){.samples = slice, .positions = setup->positions, .channels = 1};
}

struct nl_partition nl_sets_of_sample(const struct nl_norm_setup *setup)
{
    return (struct nl_partition){
        .samples = 1, .positions = setup->over_position ? 1 : setup->positions, .channels = setup->channels};
}

bool nl_norm_spans_batch(const struct nl_norm *norm)
{
    const struct nl_norm_setup two = {.samples = 2, .positions = 1, .channels = 1, .groups = 1};
    return norm->partition ? norm->partition(&two).samples > 1 : norm->mixes_samples;
}

bool nl_norm_spans_positions(const struct nl_norm *norm, const struct nl_norm_setup *setup)
{
    struct nl_norm_setup two = *setup;
    two.positions = 2;
    if (norm->partition)
        return norm->partition(&two).positions > 1;
    return norm->mixes_positions || ((norm->uses & NL_USES_OVER) && !setup->over_position);
}

int nl_partition_sets(const struct nl_partition *partition, const struct nl_norm_setup *setup)
{
    int sample_blocks = (setup->samples + partition->samples - 1) / partition->samples;
    return sample_blocks * (setup->positions / partition->positions) * (setup->channels / partition->channels);
}

int nl_norm_check_groups(const struct nl_norm *norm, const struct nl_norm_setup *setup, const char *whose,
                         struct nl_error *err)
{
    bool parts = norm->uses & NL_USES_PARTS;
    int groups = parts                         ? setup->channel_groups
                 : norm->uses & NL_USES_GROUPS ? setup->groups
                                               : 0,
        channels = setup->channels;
    if (groups == 0 || channels % groups == 0)
        return NL_OK;
    int below = groups < channels ? groups : channels, above = groups;
    while (channels % below)
        below--;
    while (above < channels && channels % above)
        above++;
    const char *fits = above < channels ? "%d groups do not divide the %d channels%s; %d or %d do"
                                        : "%d groups do not divide the %d channels%s; %d does";
    return nl_fail(err, fits, groups, channels, parts ? " (norm.sets)" : whose, below, above);
}
