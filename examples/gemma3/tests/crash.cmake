# SPDX-License-Identifier: Apache-2.0
# Training that is killed, finds no room or finds a damaged checkpoint ends in the same bytes as a run that nothing
# disturbed, or is refused with a sentence (P22, P23, P24).
#   cmake -D PROGRAM= -D WORK_DIR= [-D SEED= of the moments] -P crash.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/program_functions.cmake)

if(NOT DEFINED SEED)
  set(SEED 1)
endif()

# What metrics.jsonl holds, the last line of a step and a kind, without the time that it took.
function(read_metrics folder result)
  file(STRINGS ${folder}/metrics.jsonl lines REGEX ".")
  set(keys)
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "\"seconds\":[^,]*," "" line "${line}")
    if(NOT line MATCHES "^{\"step\":([0-9]+),\"(loss|held_out)\":.*}$")
      message(FATAL_ERROR "${folder}/metrics.jsonl has a line that is none: ${line}")
    endif()
    set(key ${CMAKE_MATCH_1}-${CMAKE_MATCH_2})
    set(of-${key} "${line}")
    list(APPEND keys ${key})
  endforeach()
  list(REMOVE_DUPLICATES keys)
  list(SORT keys COMPARE NATURAL)
  set(all "")
  foreach(key IN LISTS keys)
    string(APPEND all "${of-${key}}\n")
  endforeach()
  set(${result} "${all}" PARENT_SCOPE)
endfunction()

function(require_same_run folder reference)
  file(GLOB names RELATIVE ${folder} ${folder}/*)
  file(GLOB wanted RELATIVE ${reference} ${reference}/*)
  require("${folder} holds '${names}', as ${reference} does '${wanted}'" names STREQUAL wanted)
  foreach(name IN LISTS names)
    if(NOT name STREQUAL metrics.jsonl)
      execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${folder}/${name} ${reference}/${name}
        RESULT_VARIABLE differ OUTPUT_QUIET ERROR_QUIET)
      require("${folder}/${name} and ${reference}/${name} are the same bytes" differ EQUAL 0)
    endif()
  endforeach()
  read_metrics(${folder} metrics)
  read_metrics(${reference} wanted)
  require("${folder} has the metrics\n${metrics}of ${reference}\n${wanted}" metrics STREQUAL wanted)
endfunction()

# Makes `folder` of files of the reference run.
function(begin_with folder)
  file(REMOVE_RECURSE ${folder})
  file(MAKE_DIRECTORY ${folder})
  foreach(name IN LISTS ARGN)
    file(COPY ${WORK_DIR}/train/${name} DESTINATION ${folder})
  endforeach()
endfunction()

# Ends in an error, the last line on stderr, with a word that says what it is about.
function(fail_with word)
  expect(2 ${ARGN})
  string(FIND "${errors}" "${word}" at REVERSE)
  string(FIND "${errors}" "error: " begin REVERSE)
  require("the error is about '${word}':\n${output}${errors}"
    at GREATER begin AND errors MATCHES "(^|\n)error: [^\n]+\n$" AND NOT output)
endfunction()

# The same, as files cannot grow beyond so many blocks of 512 bytes. No file is left that was not finished.
function(fail_within blocks word folder)
  set(limited sh -c "trap '' XFSZ && ulimit -f $0 && exec \"$@\"" ${blocks} ${PROGRAM})
  set(PROGRAM ${limited})
  fail_with(${word} ${ARGN} --out ${folder})
  file(GLOB left ${folder}/*.tmp)
  require("nothing is left of what found no room: ${left}" NOT left)
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
set(text ${WORK_DIR}/text.txt)
file(WRITE ${text} "")
foreach(i RANGE 150)
  file(APPEND ${text} "for (int i = 0; i < ${i}; ++i) { sum += values[i]; }\n")
endforeach()
set(small --text ${text} --batch 2 --tokens 16 --warmup 2 --seed 4)
set(train train --config tiny --pieces 263 ${small} --steps 6 --save-every 1)
set(qat qat ${WORK_DIR}/train/model.gguf --recipe int3_g32 ${small} --steps 4 --save-every 2)

function(milliseconds result)
  string(TIMESTAMP now "%s%f")
  string(SUBSTRING ${now} 0 13 now)
  set(${result} ${now} PARENT_SCOPE)
endfunction()

foreach(command IN ITEMS train qat)
  milliseconds(begin)
  expect(0 ${${command}} --out ${WORK_DIR}/${command})
  milliseconds(end)
  math(EXPR whole-${command} "${end} - ${begin}")
endforeach()

# SIGKILL at random moments of a whole run, each followed by the next start; a run that comes to its end has to be the
# reference, and the next start begins anew. Then as a file is being written, seen by its temporary
# name. Sets places: how many different steps random kills hit.
function(kill_at_random command most)
  set(folder ${WORK_DIR}/${command}-killed)
  set(kills 0)
  set(starts 0)
  set(ends 0)
  set(steps)
  while(kills LESS most)
    math(EXPR starts "${starts} + 1")
    require("${most} of ${starts} starts of ${command} can be killed" starts LESS_EQUAL 100)
    string(RANDOM LENGTH 3 ALPHABET 0123456789 share)
    math(EXPR delay "1${share} % 1000 * ${whole-${command}} / 1000")
    math(EXPR digits "1000 + ${delay} % 1000")
    string(SUBSTRING ${digits} 1 3 digits)
    math(EXPR seconds "${delay} / 1000")
    execute_process(COMMAND sh -c [["$@" & p=$!; sleep "$0"; kill -9 $p; wait $p]] ${seconds}.${digits}
      ${PROGRAM} ${${command}} --out ${folder} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
    if(result EQUAL 137)
      math(EXPR kills "${kills} + 1")
      set(step 0)
      if(EXISTS ${folder}/metrics.jsonl)
        file(STRINGS ${folder}/metrics.jsonl lines REGEX "\"loss\"")
        foreach(line IN LISTS lines)
          string(REGEX MATCH "\"step\":[0-9]+" step "${line}")
        endforeach()
        string(REPLACE "\"step\":" "" step "${step}")
      endif()
      list(APPEND steps ${step})
      file(GLOB left RELATIVE ${folder} ${folder}/*.tmp)
      message(STATUS "${command}: killed after 0.${share} of a run's time, behind step ${step} ${left}")
    else()
      require("${command} goes on: ${result}\n${output}${errors}" result EQUAL 0)
      require_same_run(${folder} ${WORK_DIR}/${command})
      file(REMOVE_RECURSE ${folder})
      math(EXPR ends "${ends} + 1")
    endif()
  endwhile()
  list(REMOVE_DUPLICATES steps)
  list(LENGTH steps places)
  message(STATUS "${command}: ${kills} kills in ${starts} starts, behind ${places} different steps; ${ends} runs ended")
  set(places ${places} PARENT_SCOPE)
  expect(0 ${${command}} --out ${folder})
  require_same_run(${folder} ${WORK_DIR}/${command})

  file(REMOVE_RECURSE ${folder})
  set(cut 0)
  foreach(name IN ITEMS train.ids run.json state-2.safetensors state-4.safetensors model.gguf)
    execute_process(COMMAND sh -c [[
end=$0/model.gguf temporary=$0/$1; shift
rm -f "$end"; "$@" & p=$!
until [ -e "$end" ]; do for f in "$temporary".*.tmp; do if [ -e "$f" ]; then break 2; fi; done; done
kill -9 $p; wait $p]] ${folder} ${name} ${PROGRAM} ${${command}} --out ${folder}
      TIMEOUT 300 RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
    require("${command} goes on: ${result}\n${output}${errors}" result EQUAL 137 OR result EQUAL 0)
    file(GLOB left RELATIVE ${folder} ${folder}/*.tmp)
    message(STATUS "${command}: killed at ${name} ${left}")
    if(left)
      math(EXPR cut "${cut} + 1")
    endif()
  endforeach()
  require("some kill of ${command} cut a file" cut GREATER 0)
  expect(0 ${${command}} --out ${folder})
  require_same_run(${folder} ${WORK_DIR}/${command})
endfunction()

message(STATUS "seed ${SEED}; a whole run takes ${whole-train} ms, ${whole-qat} ms")
string(RANDOM LENGTH 3 ALPHABET 0123456789 RANDOM_SEED ${SEED} share)
kill_at_random(train 20)
require("random kills hit different steps: ${places}" places GREATER_EQUAL 3)
kill_at_random(qat 6)

set(folder ${WORK_DIR}/run)

# What kills left is removed, a cut line too.
begin_with(${folder} metrics.jsonl state-5.safetensors)
file(APPEND ${folder}/metrics.jsonl "{\"step\":6,\"lo")
foreach(name IN ITEMS train.ids held-out.ids held-out.txt run.json model.gguf codes.json state-6.safetensors)
  file(WRITE ${folder}/${name}.4711-0.tmp "a part of it")
endforeach()
expect(0 ${train} --out ${folder})
require_same_run(${folder} ${WORK_DIR}/train)

# No room: for the first file, the first checkpoint, the next checkpoint, the model.
begin_with(${folder})
fail_within(0 train.ids ${folder} ${train})
fail_within(1000 state-1.safetensors ${folder} ${train})
file(GLOB states ${folder}/state-*)
require("there is no checkpoint: ${states}" NOT states)
expect(0 ${train} --out ${folder})
require_same_run(${folder} ${WORK_DIR}/train)

begin_with(${folder} metrics.jsonl state-5.safetensors)
file(SHA256 ${folder}/state-5.safetensors before)
fail_within(1000 state-6.safetensors ${folder} ${train})
file(SHA256 ${folder}/state-5.safetensors after)
file(GLOB states RELATIVE ${folder} ${folder}/state-*)
require("the checkpoint before is as it was: ${states}" states STREQUAL "state-5.safetensors" AND after STREQUAL before)
expect(0 ${train} --out ${folder})
require_same_run(${folder} ${WORK_DIR}/train)

begin_with(${folder} metrics.jsonl state-5.safetensors state-6.safetensors)
file(WRITE ${folder}/model.gguf "an older model")
fail_within(1000 model.gguf ${folder} ${train})
file(READ ${folder}/model.gguf model)
require("the older model is still there" model STREQUAL "an older model")
if(EXISTS /dev/full)
  set(program ${PROGRAM})
  set(PROGRAM sh -c "exec \"$0\" \"$@\" > /dev/full" ${program})
  fail_with("standard output" ${train} --out ${folder})
  set(PROGRAM ${program})
endif()
expect(0 ${train} --out ${folder})
require_same_run(${folder} ${WORK_DIR}/train)

# Nor for a line of metrics.jsonl, which begins with empty ones here: more of them than other small files have bytes.
begin_with(${folder} state-5.safetensors)
file(READ ${WORK_DIR}/train/metrics.jsonl lines)
string(REGEX REPLACE "{\"step\":6,[^\n]*\n" "" lines "${lines}")
string(LENGTH "${lines}" size)
math(EXPR room "40 * 512 - 20 - ${size}")
string(REPEAT "\n" ${room} empty)
file(WRITE ${folder}/metrics.jsonl "${empty}${lines}")
fail_within(40 metrics.jsonl ${folder} ${train})
file(READ ${folder}/metrics.jsonl after)
require("metrics.jsonl is as it was" after STREQUAL "${empty}${lines}")
expect(0 ${train} --out ${folder})
require_same_run(${folder} ${WORK_DIR}/train)

# A disk of 100 MB, where this user may make one: there is room for a checkpoint, not for two.
set(disk ${WORK_DIR}/disk)
file(MAKE_DIRECTORY ${disk})
set(make_disk [[mount -t tmpfs -o size=100m none "$0" && mount -o remount,size=100m "$0"]])
execute_process(COMMAND unshare --map-root-user --mount sh -c "${make_disk}" ${disk} RESULT_VARIABLE cannot
  OUTPUT_QUIET ERROR_QUIET)
if(cannot)
  message(STATUS "there is no small disk here to fill")
else()
  begin_with(${folder})
  execute_process(COMMAND unshare --map-root-user --mount sh -c "${make_disk}
copy=$1
shift
\"$@\"
echo \"status $?\"
(cd \"$0\" && echo state-* *.tmp)
mount -o remount,size=400m \"$0\" && \"$@\" > /dev/null && cp \"$0\"/* \"$copy\""
    ${disk} ${folder} ${PROGRAM} ${train} --out ${disk}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  set(wanted "^error: [^\n]*state-2.safetensors[^\n]*No space left[^\n]*\ngoes on from [^\n]*state-1.safetensors\n$")
  require("a full disk leaves the checkpoint before: ${result}\n${output}${errors}"
    result EQUAL 0 AND output STREQUAL "status 2\nstate-1.safetensors *.tmp\n" AND errors MATCHES "${wanted}")
  require_same_run(${folder} ${WORK_DIR}/train)
endif()

# Checkpoints that are cut, or have other bytes: the older one is taken, and none of a run whose every one is damaged.
file(SIZE ${WORK_DIR}/train/state-6.safetensors size)
math(EXPR half "${size} / 2")
math(EXPR nearly "${size} - 1")
set(newest ${folder}/state-6.safetensors)
foreach(damage IN ITEMS 0 5 3000 ${half} ${nearly} other)
  begin_with(${folder} metrics.jsonl state-5.safetensors)
  if(damage STREQUAL other)
    file(COPY ${WORK_DIR}/train/state-6.safetensors DESTINATION ${folder})
    execute_process(COMMAND printf damage COMMAND dd of=${newest} bs=1 seek=${half} conv=notrunc
      COMMAND_ERROR_IS_FATAL ANY ERROR_QUIET)
  else()
    execute_process(COMMAND head -c ${damage} ${WORK_DIR}/train/state-6.safetensors OUTPUT_FILE ${newest}
      COMMAND_ERROR_IS_FATAL ANY)
  endif()
  expect(0 ${train} --out ${folder})
  require("it says what it takes:\n${errors}"
    errors MATCHES "^passed over: [^\n]*state-6.safetensors: [^\n]+\ngoes on from [^\n]*state-5.safetensors\n$")
  require_same_run(${folder} ${WORK_DIR}/train)
endforeach()
file(WRITE ${folder}/state-5.safetensors "damaged")
file(WRITE ${newest} "damaged too")
refuse("no checkpoint of the run is whole" ${train} --out ${folder})
file(READ ${newest} state)
require("what is refused stays" state STREQUAL "damaged too" AND EXISTS ${folder}/model.gguf)

# A folder that is none, or is closed to this user, which none is to root.
refuse("cannot make the folder" ${train} --out ${text})
refuse("cannot make the folder" ${train} --out ${text}/run)
foreach(closed IN ITEMS "WRITE;cannot list the folder" "READ;Permission denied")
  list(POP_FRONT closed open)
  begin_with(${folder})
  file(CHMOD ${folder} PERMISSIONS OWNER_${open} OWNER_EXECUTE)
  execute_process(COMMAND sh -c "test -r $0 && test -w $0" ${folder} RESULT_VARIABLE is_closed)
  if(is_closed)
    refuse("${closed}" ${train} --out ${folder})
  endif()
  file(CHMOD ${folder} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()

file(REMOVE_RECURSE ${WORK_DIR})  # checkpoints are large
