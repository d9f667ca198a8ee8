/* Tables of features as data sets.
 *
 *     1 byte    bit 0: a column is named as that of the labels; bit 1: the number of classes is given
 *
 * What the facts say of a table, the data set holds: as many samples, finite values, labels of its classes.
 */
#include <math.h>
#include <string.h>

#include "data/data.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nl_config config;
    struct nl_error err = {{0}};
    if (size == 0)
        return 0;
    if (!config.data.file)
        nl_config_defaults(&config);
    config.data.name = NL_CSV;
    config.data.file = (char *)(uintptr_t)fuzz_file("t.csv", data + 1, size - 1);
    config.data.label = (char *)(uintptr_t)(data[0] & 1 ? "a" : "");
    config.data.classes = data[0] & 2 ? 3 : NL_AUTO;
    struct nl_dataset *set = nl_dataset_open(&config, &err);
    if (!set)
        return 0;
    NL_ASSERT(set->count > 0 && set->shape.channels > 0);
    for (int i = 0; i < set->count * set->shape.channels; i++)
        NL_ASSERT(isfinite(set->values[i]));
    for (int i = 0; set->labels && i < set->count; i++)
        NL_ASSERT(set->labels[i] >= 0 && set->labels[i] < set->shape.classes);
    struct nl_data_facts facts = nl_data_facts(&config);
    NL_ASSERT(facts.train + facts.test == set->count && facts.shape.classes == set->shape.classes);
    nl_dataset_free(set);
    return 0;
}
