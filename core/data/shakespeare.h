/* tinyshakespeare: 40,000 lines of plays by William Shakespeare, in the public domain, as A. Karpathy put them together
 * for char-rnn (https://github.com/karpathy/char-rnn, 2015). 1,115,394 characters, of which 65 are different, all of
 * ASCII. The program carries it compressed, as tinyshakespeare.txt.gz in this folder has it. SHA-256 of the text:
 * 86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
 */
#ifndef NL_DATA_SHAKESPEARE_H
#define NL_DATA_SHAKESPEARE_H

#include <stddef.h>

enum { NL_SHAKESPEARE_BYTES = 1115394 };

/* The text, ended by a zero byte that is not counted; free() it. */
char *nl_shakespeare(void);

#endif
