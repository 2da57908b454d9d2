/* Speaks the lines of standard input with RHVoice.dll: voice TAB relative rate TAB file TAB text, in UTF-8.
   Arguments: the library, RHVoice's data folder. Each file gets int16 mono; a line of output gives its name and sample rate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

typedef struct {
  int (*set_sample_rate)(int rate, void *file);
  int (*play_speech)(const short *samples, unsigned count, void *file);
  void *others[7];
} Callbacks;

typedef struct {
  const char *data_path, *config_path;
  const char **resource_paths;
  Callbacks callbacks;
  unsigned options;
} Setup;

typedef struct {
  const char *voice;
  double absolute_rate, absolute_pitch, absolute_volume, relative_rate, relative_pitch, relative_volume;
  int punctuation;
  const char *punctuation_list;
  int capitals, flags;
} Manner;

static int sample_rate = 0;

static int set_sample_rate(int rate, void *file) {
  sample_rate = rate;
  return 1;
}

static int play_speech(const short *samples, unsigned count, void *file) {
  return fwrite(samples, sizeof *samples, count, file) == count;
}

int main(int argc, char **argv) {
  HMODULE library = argc == 3 ? LoadLibraryA(argv[1]) : NULL;
  if (!library) return fprintf(stderr, "expected RHVoice.dll and a data folder\n"), 2;
  void *(*new_engine)(const Setup *) = (void *)GetProcAddress(library, "RHVoice_new_tts_engine");
  void *(*new_message)(void *, const char *, unsigned, int, const Manner *, void *) =
      (void *)GetProcAddress(library, "RHVoice_new_message");
  int (*speak)(void *) = (void *)GetProcAddress(library, "RHVoice_speak");
  void (*delete_message)(void *) = (void *)GetProcAddress(library, "RHVoice_delete_message");
  Setup setup = {argv[2], argv[2], NULL, {set_sample_rate, play_speech}, 0};
  void *engine = new_engine(&setup);
  if (!engine) return fprintf(stderr, "expected RHVoice's data in %s\n", argv[2]), 2;
  static char line[65536];
  while (fgets(line, sizeof line, stdin)) {
    char *voice = strtok(line, "\t"), *rate = strtok(NULL, "\t"), *name = strtok(NULL, "\t"), *text = strtok(NULL, "\r\n");
    FILE *file = text ? fopen(name, "wb") : NULL;
    if (!file) return fprintf(stderr, "expected voice, rate, file and text\n"), 2;
    Manner manner = {voice, 0, 0, 0, atof(rate), 1, 1, 0, NULL, 0, 1};
    void *message = new_message(engine, text, strlen(text), 0, &manner, file);
    int spoken = message && speak(message);
    if (message) delete_message(message);
    fclose(file);
    if (spoken) printf("%s\t%d\n", name, sample_rate);
  }
  return 0;
}
