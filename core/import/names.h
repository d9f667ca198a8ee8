/* Names of columns, as programs of the field give them. */
#ifndef NL_IMPORT_NAMES_H
#define NL_IMPORT_NAMES_H

#include "stats/results.h"

/* Without what tools put in front of a hyperparameter or a result: "lr" of config.lr. */
const char *nl_bare_name(const char *name);

/* "val/acc@1" is an accuracy of "val"; *part NULL: the name does not say of what. False: it is no metric's. */
bool nl_metric_of_name(const char *name, const char **part, enum nl_curve_reading *reading);

/* How columns of trials.csv call a reading after the part: "loss", "accuracy". */
extern const char *const nl_reading_words[];

/* Whether it is a share, from 0 to 1 or in percent. */
bool nl_reads_share(enum nl_curve_reading reading);

/* Whether results keep that reading of the part: what curves do not have they keep of the test part alone. */
bool nl_keeps_reading(enum nl_curve_reading reading, const char *part);

#endif
