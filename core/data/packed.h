/* The data that the program carries, compressed by gzip as the files of this folder have them.
 *
 * tinyshakespeare.txt.gz: 40,000 lines of plays by William Shakespeare, in the public domain, as A. Karpathy put them
 * together for char-rnn (https://github.com/karpathy/char-rnn, 2015). 1,115,394 characters, of which 65 are different,
 * all of ASCII. SHA-256 of the text: 86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
 *
 * digits.gz: 1797 handwritten digits of 8x8 pixels, the test part of 'Optical Recognition of Handwritten Digits',
 * E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, licensed under
 * CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Values and order are those of the original: an image is
 * its label, then its pixels from the top left, row after row, 0 (paper) to 16 (ink), a byte each.
 */
#ifndef NL_DATA_PACKED_H
#define NL_DATA_PACKED_H

#include <stddef.h>
#include <stdint.h>

enum { NL_SHAKESPEARE_BYTES = 1115394 };
enum { NL_DIGITS_COUNT = 1797, NL_DIGITS_PIXELS = 64, NL_DIGITS_BYTES = NL_DIGITS_COUNT * (1 + NL_DIGITS_PIXELS) };

/* The text, ended by a zero byte that is not counted; free() it. */
char *nl_shakespeare(void);

/* The digits, (NL_DIGITS_COUNT, 1 + NL_DIGITS_PIXELS); free() them. */
uint8_t *nl_digits(void);

#endif
