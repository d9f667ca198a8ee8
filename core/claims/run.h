/* A claim file from its trials to its outcome: what is missing is run, then everything is judged. */
#ifndef NL_CLAIMS_RUN_H
#define NL_CLAIMS_RUN_H

#include "claims/outcome.h"
#include "sweep/sweep.h"

struct nl_claim_options {
    const char *folder;  /* DIR: a claim's results lie in DIR/NAME, its controls' in DIR/NAME.control_PART, its
                            objections' in DIR/NAME.objection_N */
    bool quick;          /* by the quick protocol, where the file has one */
    bool train;          /* what is missing is run; else what is there is judged, and no data are opened */
    const char *command; /* as nl_sweep_options; with `train` */
    struct nl_runner_options runner;
};

/* The outcome of the claim in file `path`, to be released after NL_OK. Problems of the file go to diagnostics. NL_FAIL:
 * they do, or err says why it could not be run: a disk, a device. NL_BAD: err says why nothing was started: a folder
 * that holds another protocol, too little room. */
int nl_claim_run(const char *path, const struct nl_claim_options *options, struct nl_outcome *out,
                 struct nl_diagnostics *diagnostics, struct nl_error *err);

#endif
