# fish completion of camrec. Written by a test: UPDATE_GOLDEN=1 cargo test --test it both::completions

function __camrec_is
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv
end

function __camrec_is_first
    test (count (commandline -opc)) -eq 1
end

complete -c camrec -n 'not __camrec_is check export sheet' -f -a '(__fish_print_hostnames)'
complete -c camrec -n __camrec_is_first -f -a check -d 'Reads recordings back: is everything there, does every picture decode?'
complete -c camrec -n __camrec_is_first -f -a export -d 'Copies a recording into another form, its frames untouched'
complete -c camrec -n __camrec_is_first -f -a sheet -d 'Makes a sheet of small pictures of a recording, with their times'
complete -c camrec -n 'not __camrec_is check export sheet' -l find -d 'list the cameras that are announced on the local network, and end'
complete -c camrec -n 'not __camrec_is check export sheet' -l doctor -d 'look at this machine, its disk and the way to HOST, and say what is in the way and what helps'
complete -c camrec -n 'not __camrec_is check export sheet' -l mask -d 'hide addresses and the host\'s name in what --doctor says'
complete -c camrec -n 'not __camrec_is check export sheet' -l also -x -a '(__fish_print_hostnames)' -d 'another way to the same camcast, as by a VPN: HOST2 or HOST2:PORT'
complete -c camrec -n 'not __camrec_is check export sheet' -l from -x -d 'address of this machine that the way to HOST goes out from, such as 192.168.1.7'
complete -c camrec -n 'not __camrec_is check export sheet' -l also-from -x -d 'address of this machine that the way to HOST2 goes out from'
complete -c camrec -n 'not __camrec_is check export sheet' -l key-file -r -F -d 'a file with camcast\'s key: what is not sealed with it is not recorded'
complete -c camrec -n 'not __camrec_is check export sheet' -s o -l output -r -F -d 'folder for the recording'
complete -c camrec -n 'not __camrec_is check export sheet' -l must-exist -d 'do not make that folder: if it is not there, a disk may not be mounted'
complete -c camrec -n 'not __camrec_is check export sheet' -l segment -x -d 'length of a file, such as 10m or 1h'
complete -c camrec -n 'not __camrec_is check export sheet' -l align -d 'files begin at round times: with --segment 15m at :00, :15, :30 and :45, by local time or --utc'
complete -c camrec -n 'not __camrec_is check export sheet' -l format -x -a 'mkv avi jpg mjpeg' -d 'mkv, avi, jpg, or mjpeg with \'-o -\''
complete -c camrec -n 'not __camrec_is check export sheet' -l name -x -d 'names of files and their folders, as strftime has it'
complete -c camrec -n 'not __camrec_is check export sheet' -l utc -d 'names in UTC'
complete -c camrec -n 'not __camrec_is check export sheet' -l keep -x -d 'keep at most this much, such as 100G, and delete the oldest'
complete -c camrec -n 'not __camrec_is check export sheet' -l keep-for -x -d 'keep recordings for this long, such as 7d'
complete -c camrec -n 'not __camrec_is check export sheet' -l min-free -x -d 'delete the oldest recordings to keep this much of the disk free, such as 10G'
complete -c camrec -n 'not __camrec_is check export sheet' -l when-full -x -a 'wait rotate' -d 'when the disk is full: wait until there is space again, or rotate: delete the oldest recordings'
complete -c camrec -n 'not __camrec_is check export sheet' -l buffer -x -d 'memory for frames that wait for the disk, such as 256M'
complete -c camrec -n 'not __camrec_is check export sheet' -l on-segment -x -a '(__fish_complete_command)' -d 'run this command with each finished file'
complete -c camrec -n 'not __camrec_is check export sheet' -l on-segment-timeout -x -d 'end that command if it takes longer'
complete -c camrec -n 'not __camrec_is check export sheet' -l wait -d 'keep trying if camcast is not there yet'
complete -c camrec -n 'not __camrec_is check export sheet' -l duration -x -d 'stop after this much of the stream, such as 90s'
complete -c camrec -n 'not __camrec_is check export sheet' -l frames -x -d 'stop after this many frames'
complete -c camrec -n 'not __camrec_is check export sheet' -l every -d 'want every frame, late if need be'
complete -c camrec -n 'not __camrec_is check export sheet' -l newest -d 'want the newest frame, skipping what comes too late'
complete -c camrec -n 'not __camrec_is check export sheet' -l plain -x -d 'speak the original protocol, with this UDP port for the frames'
complete -c camrec -n 'not __camrec_is check export sheet' -l json -d 'tell programs what happens, a JSON object a line, on standard output'
complete -c camrec -n 'not __camrec_is check export sheet' -l log-lines -x -d 'lines of the log of any one kind a minute, 1 to 10000'
complete -c camrec -n 'not __camrec_is check export sheet' -l config -r -F -d 'a file of options, one a line without its hyphens, such as \'keep 100G\''
complete -c camrec -n 'not __camrec_is check export sheet' -l check-config -d 'read what was typed, and the file of --config, say what is wrong with it, and end'
complete -c camrec -n 'not __camrec_is check export sheet' -s v -l verbose -d 'say more'
complete -c camrec -n 'not __camrec_is check export sheet' -l version -d 'print the version'
complete -c camrec -n 'not __camrec_is check export sheet' -s h -l help -d 'display usage information'
complete -c camrec -n '__camrec_is check' -l json -d 'a line of JSON for each recording'
complete -c camrec -n '__camrec_is check' -l signed-by -r -F -d 'a camera\'s public key, or a file with it: all frames have to be as that camera made them, and none left out'
complete -c camrec -n '__camrec_is check' -s v -l verbose -d 'say more'
complete -c camrec -n '__camrec_is check' -s h -l help -d 'display usage information'
complete -c camrec -n '__camrec_is export' -s o -l output -r -F -d 'the copy: NAME.mov, NAME.avi, NAME.mkv, or a FOLDER/ of JPEGs'
complete -c camrec -n '__camrec_is export' -s v -l verbose -d 'say more'
complete -c camrec -n '__camrec_is export' -s h -l help -d 'display usage information'
complete -c camrec -n '__camrec_is sheet' -s o -l output -r -F -d 'the sheet: NAME.jpg'
complete -c camrec -n '__camrec_is sheet' -s v -l verbose -d 'say more'
complete -c camrec -n '__camrec_is sheet' -s h -l help -d 'display usage information'
