/* Values as text: strict reading by a key's type, and writing in one canonical form. */
#ifndef NL_CONFIG_VALUE_H
#define NL_CONFIG_VALUE_H

#include <stdbool.h>

#include "config/config.h"

/* As nl_key_set, for a key of keys.def, with what is wrong and what is legal apart, as diagnostics show them. hint is
 * "" where err says it all. A part of model.layers is read as the value that it has, into a configuration from which
 * nl_value_text alone takes it again. */
int nl_value_read(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err,
                  struct nl_error *hint);

/* Reads a value as nl_value_read does, of any type but LAYERS and PARTS. */
int nl_plain_value_read(const struct nl_key *key, struct nl_config *config, const char *text, struct nl_error *err,
                        struct nl_error *hint);

/* The canonical text that nl_key_set reads back ("0.05", "[1, 3]", a TEXT as it is); new string. */
char *nl_value_text(const struct nl_key *key, const struct nl_config *config);

/* NL_SHOWN: what readers of every version of YAML take for the same. NL_RECORDED: see nl_key_recorded. */
enum nl_spelling { NL_SHOWN, NL_RECORDED };

/* What nl_value_text gives, as a YAML scalar or list: a TEXT gets quotes where it needs them; new string. */
char *nl_value_yaml(const struct nl_key *key, const char *text, enum nl_spelling spelling);

/* What a text that is no value's own name means elsewhere (config/values.def): the value, and what else is to be said
 * of that name, or ""; or how the same is asked for by other keys. All NULL: nothing is known of it. */
struct nl_called {
    const char *value, *note, *elsewhere;
};
struct nl_called nl_value_called(const struct nl_key *key, const char *text);

/* Notes what such a text was read as; nothing of other texts. */
void nl_note_called(const struct nl_key *key, const char *text, const struct nl_origin *at,
                    struct nl_diagnostics *diagnostics);

/* 1, 0, or -1: the text is no truth value. */
int nl_truth_read(const char *text);

bool nl_key_is_switch(const struct nl_key *key); /* a truth value, or auto */

/* Decimal numbers only: no hexadecimal, infinity, nan, blanks or anything after, and no digits after a 0 ("010"), which
 * is octal in YAML 1.1. One that is too large gives infinity, out of any range. */
bool nl_number_read(const char *text, double *out);
bool nl_number_vanishes(const char *text); /* a number that is not 0, and so small that a double makes it 0 */
const char *nl_octal_hint(const char *text); /* what to write in place of "010"; NULL: it is no such text */
char *
nl_with_point(const char *text); /* "0.1" of "0,1", which may be that number or two; new string. NULL: no other text */
bool nl_integer_read(const char *text, int64_t *out); /* saturates: too many digits are out of any range */

/* Pair `index` of "name=value, name=value", without blanks around; what is longer is cut. False after the last. */
bool nl_pair_at(const char *text, int index, char name[64], char value[96]);
bool nl_colour_read(const char *text, unsigned *out); /* "#D55E00": 0xRRGGBB */

/* text without blanks at its ends; cut in place. */
char *nl_trimmed(char *text);

extern const char nl_name_characters[]; /* of names and patterns; as a set of a regular expression, too */

bool nl_key_is_list(const struct nl_key *key);   /* a list is one value */
bool nl_key_is_text(const struct nl_key *key);   /* TEXT, CODE, PARTS: a comma is part of the value */
bool nl_key_is_number(const struct nl_key *key); /* may be given as a range */

#endif
