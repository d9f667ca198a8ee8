/* What is wrong with a formula, where it stands in its file. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/check.h"
#include "config/formula.h"
#include "config/network.h"
#include "formula/formula.h"
#include "norm/norm.h"

/* The line of the source that has a line of a text in it: of a block of text, which begins below its key, line
 * `number`; else the first one. Returns how many lines below the origin it is; -1: none has it. */
static int line_below(const struct nl_origin *origin, const char *line, int number)
{
    int count = 0;
    while (origin->after && origin->after[count])
        count++;
    if (number < count && strstr(origin->after[number], line))
        return number + 1;
    if (origin->line_text && strstr(origin->line_text, line))
        return 0;
    for (int i = 0; i < count; i++)
        if (strstr(origin->after[i], line))
            return i + 1;
    return -1;
}

/* A place in a text that begins at an origin. */
static struct nl_origin place_in(const struct nl_origin *origin, const char *text, int offset, int length)
{
    struct nl_origin at = *origin;
    int start = offset, number = 0;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    for (int i = 0; i < start; i++)
        number += text[i] == '\n';
    char *line = nl_format("%.*s", (int)strcspn(text + start, "\n"), text + start);
    int below = line_below(origin, line, number);
    if (below >= 0) {
        at.line += below;
        at.line_text = below ? origin->after[below - 1] : origin->line_text;
        at.column = (int)(strstr(at.line_text, line) - at.line_text) + offset - start + 1;
        at.width = length;
    }
    free(line);
    return at;
}

void nl_check_formula(const struct nl_config *config, const struct nl_experiment *experiment,
                      struct nl_diagnostics *diagnostics)
{
    static const char *const keys[] = {[NL_IN_FORMULA] = "norm.formula",
                                       [NL_IN_EVALUATION] = "norm.evaluation",
                                       [NL_IN_PARAMETERS] = "norm.parameters",
                                       [NL_IN_STATES] = "norm.states",
                                       [NL_IN_SETTINGS] = "norm.settings"};
    if (!nl_config_has_norm(config, NL_NORM_formula))
        return;
    const struct nl_formula_error *error = nl_formula_error_of(config);
    if (!error)
        return;
    struct nl_origin at = nl_origin_of(experiment, keys[error->place]);
    const char *text = error->place == NL_IN_FORMULA      ? config->norm.formula
                       : error->place == NL_IN_EVALUATION ? config->norm.evaluation
                                                          : NULL;
    if (text && at.kind != NL_FROM_DEFAULT)
        at = place_in(&at, text, error->offset, error->length);
    nl_diagnose(diagnostics, &at, error->hint.text[0] ? error->hint.text : NULL, "'%s': %s", keys[error->place],
                error->text.text);
}
