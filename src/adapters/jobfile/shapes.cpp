#include "adapters/jobfile/shapes.hpp"

namespace stint::adapters {
namespace {

constexpr std::string_view kCommand = R"yaml(# One command. Submit it with `stint run`, see first with `stint plan` where it would run.
name: hello
run: echo "hello from $(hostname)"          # a shell line; or `command: [python3, train.py]` without a shell
resources: {cpu: 1, memory: 512Mi}          # gpu: 1, storage: 10Gi
timeout: 10m                                # of one attempt
retries: 1                                  # further attempts after a failure; losses of an agent do not count

# Files travel with the job when it names them, and come back as outputs:
# inputs: [train.py, data/]                 # the task then starts in a directory of its own that holds them
# outputs: [model.npz]                      # written to $STINT_OUTPUTS; `stint outputs JOB --to DIR`
# env: {OMP_NUM_THREADS: 1}
# type: trainer                             # trainer, inferencer, crawler, labeller, rater
# labels: {zone: b}                         # the agent must carry it
)yaml";

constexpr std::string_view kSweep =
    R"yaml(# A task for every combination of values: here 2 x 3. It runs as it stands; then put your program into `run`.
name: sweep
parameters:
  epochs: 10                                # `stint run FILE -p epochs=20` changes it
matrix:
  lr: [0.1, 0.01]
  seed: [1, 2, 3]                           # the last one changes fastest: main.0 is lr 0.1, seed 1
run: echo "lr ${{ matrix.lr }}, seed ${{ matrix.seed }}, ${{ params.epochs }} epochs" > "$STINT_OUTPUTS/model.txt"
outputs: [model.txt]                        # `stint outputs last --to DIR` fetches what the tasks left
resources: {cpu: 500m, memory: 256Mi}       # of each task
max_parallel: 4                             # so many at once; left out: as many as fit
retries: 2
max_fails: 3                                # then the rest is not tried any more

# run: python3 train.py --lr ${{ matrix.lr }} --seed ${{ matrix.seed }} --out "$STINT_OUTPUTS/model.npz"
# inputs: [train.py, data/]                 # they travel with the job; the task then starts in a directory of its own that holds them
# outputs: [model.npz]
# resources: {cpu: 2, memory: 2Gi, gpu: 1}
)yaml";

constexpr std::string_view kArray =
    R"yaml(# A hundred tasks that differ in $STINT_INDEX. It runs as it stands: each throws darts at a circle.
name: simulate
array: 0-99%10                              # at most 10 at once; 0-999:10 is every tenth; 1000 is 0-999
run: |
  awk -v seed="$STINT_INDEX" 'BEGIN {
    srand(seed)
    for (i = 0; i < 10000; i++) if (rand()^2 + rand()^2 < 1) hits++
    print seed "," 4 * hits / 10000
  }' > "$STINT_OUTPUTS/result.csv"
outputs: [result.csv]
collect: {file: result.csv, into: all.csv}  # the file of every task, put together in the order of the indexes
resources: {cpu: 500m, memory: 64Mi}
retries: 2

# run: ./simulate --seed "$STINT_INDEX" --out "$STINT_OUTPUTS/result.csv"
# inputs: [simulate]                        # it travels with the job
)yaml";

constexpr std::string_view kBatch = R"yaml(# One program over many files, several to a task: a model is loaded once for 200 of them.
# It runs as it stands, on the files of the directory that it is submitted from.
name: infer
each: {glob: "*", batch: 200}               # or "images/**/*.jpg"; or {file: items.txt, batch: 200}: the lines of a file
run: |                                      # STINT_ITEM names a file of one item a line
  while IFS= read -r name; do wc -c "$name"; done < "$STINT_ITEM" > "$STINT_OUTPUTS/pred.txt"
outputs: [pred.txt]
collect: {file: pred.txt, into: predictions.txt}
resources: {cpu: 500m, memory: 256Mi}
max_parallel: 6
retries: 2

# type: inferencer                          # only agents that serve it
# inputs:                                   # with inputs the files of a task's batch travel to it too
#   - infer.py
#   - {from_job: sweep, task: main.3, path: model.npz}   # of the newest completed job of that name
# run: python3 infer.py --model model.npz --list "$STINT_ITEM" --out "$STINT_OUTPUTS/pred.txt"
# resources: {cpu: 2, memory: 4Gi, gpu: 1}
)yaml";

constexpr std::string_view kPipeline =
    R"yaml(# Tasks that need each other, from pages to a model. It runs as it stands; then put your programs into `run`.
name: flywheel
tasks:
  crawl:
    type: crawler
    run: |                                  # one JSON object a line
      for name in one two three; do echo "{\"url\": \"$name.jpg\"}"; done > "$STINT_OUTPUTS/items.jsonl"
    outputs: [items.jsonl]
  label:
    type: labeller
    each: {from: crawl, file: items.jsonl}  # a task for every line, known when crawl has completed
    env: {URL: "${{ item.url }}"}
    run: echo "$URL is a cat" > "$STINT_OUTPUTS/label.txt"
    outputs: [label.txt]
    collect: {file: label.txt, into: labels.txt}
    # People in the place of run, outputs and collect: nobody is pushed, they take tasks and answer them; see `stint help people`.
    # driver: human
    # form: {image: $item.url, choice: [cat, dog, skip]}
    # overlap: 2                            # every item by two different people
    # due: 3d
  rate:
    type: rater
    needs: label                            # what it left lies in $STINT_INPUTS/label/; answers of people in results.jsonl there
    run: sort "$STINT_INPUTS/label/labels.txt" > "$STINT_OUTPUTS/gold.txt"
    outputs: [gold.txt]
  train:
    type: trainer
    needs: rate
    run: echo "a model of $(wc -l < "$STINT_INPUTS/rate/gold.txt") labels" > "$STINT_OUTPUTS/model.txt"
    outputs: [model.txt]
    checkpoint: true                        # $STINT_CHECKPOINT_DIR survives attempts
    retries: 2
    timeout: 12h
    # inputs: [train.py]                    # it travels with the job
    # resources: {cpu: 4, memory: 8Gi, gpu: 1}
)yaml";

constexpr std::string_view kCrawl =
    R"yaml(# Pages of a list, politely few at once. It runs as it stands and fetches nothing; then put your program into `run`.
name: crawl
type: crawler
each:                                       # a task for each
  - https://example.org/one
  - https://example.org/two
  - https://example.org/three
run: echo "would fetch $STINT_ITEM" > "$STINT_OUTPUTS/page.txt"
outputs: [page.txt]
collect: {file: page.txt, into: pages.txt}
max_parallel: 2
retries: 3
timeout: 15m
resources: {cpu: 500m, memory: 64Mi}

# each: {file: urls.txt, batch: 50}         # a file of one a line, read when the job is submitted; STINT_ITEM then names a file of 50 lines
# inputs: [fetch.py]                        # it travels with the job
# run: python3 fetch.py "$STINT_ITEM" --out "$STINT_OUTPUTS/page.txt"
)yaml";

constexpr JobShape kShapes[] = {{"command", "one command", kCommand},
                                {"sweep", "a task for every combination of values", kSweep},
                                {"array", "many tasks that differ in their index", kArray},
                                {"batch", "one program over many files, several to a task", kBatch},
                                {"pipeline", "tasks that need each other: crawl, label, rate, train", kPipeline},
                                {"crawl", "a list of pages, a few at once", kCrawl}};

}  // namespace

std::span<const JobShape> job_shapes() { return kShapes; }

}  // namespace stint::adapters
