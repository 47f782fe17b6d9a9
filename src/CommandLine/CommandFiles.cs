using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Transport.Files;

namespace StreamDiff.CommandLine;

/// <summary>Files that a command uses besides those that it is told of.</summary>
public static class CommandFiles
{
    /// <summary>Those of a model; none where there is no such model, which is told of elsewhere.</summary>
    public static IEnumerable<FileUse> OfModel(string name)
    {
        try
        {
            return RunFiles.OfModel(new ModelCatalog().Find(name));
        }
        catch (ModelException)
        {
            return [];
        }
    }
}
