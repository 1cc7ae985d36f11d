# SPDX-License-Identifier: Apache-2.0
# fish completion for ocictr. All that is offered comes from `ocictr --help` and `ocictr list`.

function __ocictr_commands
    ocictr --help 2>/dev/null | string match -r --groups-only '^  ([a-z]+)  +(.*)' | while read -l name
        read -l about
        printf '%s\t%s\n' $name $about
    end
end

# The command on the line; nothing before there is one.
function __ocictr_command
    set -l names (ocictr --help 2>/dev/null | string match -r --groups-only '^  ([a-z]+)  ')
    for word in (commandline -opc)[2..]
        contains -- $word $names; and echo $word; and return
    end
end

function __ocictr_needs_command
    test -z (__ocictr_command | string collect --allow-empty)
end

# Options of the command on the line, or the global ones, each with its line of help.
function __ocictr_options
    ocictr (__ocictr_command) --help 2>/dev/null |
        string match -r --groups-only '^  (?:-., |    )(--[a-z0-9-]+)(?: [A-Z][^ ]*)?  +(.*)' | while read -l name
        read -l about
        printf '%s\t%s\n' $name $about
    end
end

function __ocictr_takes
    set -l command (__ocictr_command)
    test -n "$command"; and ocictr $command --help 2>/dev/null | head -n 1 | string match -qr " \[?$argv[1]"
end

complete -c ocictr -n __ocictr_needs_command -f -a '(__ocictr_commands)'
complete -c ocictr -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__ocictr_options)'
complete -c ocictr -n '__ocictr_takes ID' -f -a '(ocictr list -q 2>/dev/null)'
complete -c ocictr -n '__ocictr_takes SIGNAL' -f -a '(string split " " -- (kill -l | string join " "))'
complete -c ocictr -n '__ocictr_takes COMMAND; and string match -q help (__ocictr_command)' -f -a '(__ocictr_commands)'
