using StreamDiff.Models;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Doctor;

/// <summary>The models found and whether their files are there.</summary>
internal static class ModelChecks
{
    private const string Area = "models";
    private const string Default = "tiny";

    public static IEnumerable<DoctorLine> Run(ModelCatalog catalog)
    {
        yield return catalog.Folders.Count == 0
            ? DoctorLine.Absent(Area, "folders", "none", $"set {ModelCatalog.FolderVariable} to a folder of models")
            : DoctorLine.Ok(Area, "folders", string.Join(", ", catalog.Folders));
        foreach (var name in catalog.Names)
            yield return Check(catalog, name);
        if (!catalog.Names.Contains(Default))
            yield return DoctorLine.Missing(Area, Default, "the default model was not found",
                $"run the program from its checkout, install it with scripts/install, or set {ModelCatalog.FolderVariable} to the "
                    + "checkout's models folder");
    }

    private static DoctorLine Check(ModelCatalog catalog, string name)
    {
        var needed = name == Default ? DoctorState.Missing : DoctorState.Absent;
        try
        {
            var model = catalog.Find(name);
            var wrong = ModelFiles.Check(model, hash: false).Where(f => !f.Usable).ToList();
            return wrong.Count == 0
                ? DoctorLine.Ok(Area, name, $"complete in {model.WeightsFolder}")
                : new DoctorLine(Area, name, needed, $"{wrong.Count} of {model.Manifest.Files.Count} files missing or of the wrong "
                    + "size", wrong[0].Remedy);
        }
        catch (ModelException e)
        {
            return new DoctorLine(Area, name, needed, e.Message, "restore the model's folder");
        }
    }
}
