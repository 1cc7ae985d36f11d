# SPDX-License-Identifier: Apache-2.0
# cmake -DFROM=FILE -DTO=FILE -P to_bytes.cmake: the bytes of a file as numbers for a C array.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" lines "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," numbers "${lines}")
file(WRITE ${TO} "${numbers}\n")
